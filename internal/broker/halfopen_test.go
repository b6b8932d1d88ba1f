package broker_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/testenv"
)

// A half-open connection is one that stands and brings nothing. On it nothing waits for
// longer than a round trip may take.
func TestHalfOpenConnectionsAreGivenUp(t *testing.T) {
	t.Parallel()
	const within = 2 * 3 * time.Second // twice what is promised, since the machine may be busy
	for name, run := range map[string]func(t *testing.T, url, proxied string, hole func()){
		"reader": func(t *testing.T, url, proxied string, hole func()) {
			near, far := startNode(t, url, "near", newNotebook()), startNode(t, proxied, "far", nil)
			near.fill(1)
			testenv.WaitFor(t, 20*time.Second, "the events", func() bool { return len(far.heard()) == many })
			hole()
			begin := time.Now()
			near.fill(2)
			testenv.WaitFor(t, 10*time.Second, "the events", func() bool { return len(far.heard()) == 2*many })
			tookAtMost(t, within, begin)
			if told := far.announced(); len(told) > 0 {
				t.Errorf("nothing was missed: %v", told)
			}
		},
		"publisher": func(t *testing.T, url, proxied string, hole func()) {
			startNode(t, url, "near", newNotebook())
			far := startNode(t, proxied, "far", nil)
			far.fill(1)
			hole()
			begin := time.Now()
			far.untilAnswered()
			tookAtMost(t, within, begin)
		},
		"worker": func(t *testing.T, url, proxied string, hole func()) {
			near := startNode(t, url, "near", nil)
			startNode(t, proxied, "far", newNotebook())
			near.fill(1)
			hole()
			begin := time.Now()
			near.fill(2)
			tookAtMost(t, within, begin)
		},
		"whole node, with idle connections": func(t *testing.T, _, proxied string, hole func()) {
			rdb := testenv.Client(t, proxied)
			far := startNodeOn(t, rdb, testenv.Client(t, proxied), "far", newNotebook())
			far.fill(1)
			var wg sync.WaitGroup
			for range 8 {
				wg.Go(func() { _ = rdb.BLPop(t.Context(), time.Second, "nothing").Err() })
			}
			wg.Wait()
			t.Logf("%d connections are idle", rdb.PoolStats().IdleConns)
			hole()
			begin := time.Now()
			far.untilAnswered()
			tookAtMost(t, within, begin)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testenv.OnBoth(t, func(t *testing.T, url string) {
				proxy, proxied := testenv.NewProxy(t, url)
				run(t, url, proxied, proxy.BlackHole)
			})
		})
	}
}

// A worker that is told to end while the connection on which it reads is half open keeps the
// lease of what still runs.
func TestADrainKeepsItsLeases(t *testing.T) {
	t.Parallel()
	url := testenv.Embedded(t)
	proxy, proxied := testenv.NewProxy(t, url)
	rdb, book := testenv.Client(t, url), newNotebook()
	n := startNodeOn(t, rdb, testenv.Client(t, proxied), "a", book, onePartition)
	n.submit(noteInput{Key: "k", Do: "block"}, time.Minute)
	testenv.WaitFor(t, 20*time.Second, "the handler", func() bool { return book.begun.Load() == 1 })
	proxy.BlackHole()
	drained := make(chan error, 1)
	go func() { drained <- n.worker.Drain(t.Context()) }()
	least := time.Minute
	testenv.WaitFor(t, 20*time.Second, "the worker to leave", func() bool {
		until, err := rdb.HGet(t.Context(), "own:{p0}", "until").Int64()
		if err != nil {
			t.Fatal(err)
		}
		least = min(least, time.Until(time.UnixMilli(until)))
		return rdb.ZCard(t.Context(), "workers").Val() == 0
	})
	if least < time.Second { // it lasts for 2.5 s, and is renewed every 0.5 s
		t.Errorf("a lease had only %s left", least)
	}
	close(book.block)
	if err := <-drained; err != nil {
		t.Error(err)
	}
}

const many = 50

// fill sends many commands at once and waits for their answers.
func (n *testNode) fill(round int) {
	n.t.Helper()
	var replies []<-chan broker.Reply
	for i := range many {
		replies = append(replies, n.submit(noteInput{Key: fmt.Sprint("key", i), Text: fmt.Sprint(round)}, 10*time.Second))
	}
	for _, r := range replies {
		if got := n.await(r); got.Code != "" {
			n.t.Fatalf("%s %s", got.Code, got.Body)
		}
	}
}

// untilAnswered sends commands, one after the other, until one is answered in time.
func (n *testNode) untilAnswered() {
	n.t.Helper()
	testenv.WaitFor(n.t, 30*time.Second, "an answer", func() bool {
		return n.await(n.submit(noteInput{Key: "k"}, 300*time.Millisecond)).Code == ""
	})
}

func tookAtMost(t *testing.T, most time.Duration, begin time.Time) {
	t.Helper()
	if took := time.Since(begin); took > most {
		t.Errorf("it took %s, want at most %s", took, most)
	} else {
		t.Logf("it took %s", took)
	}
}
