package broker_test

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/internal/testenv"
)

// crowd sends more commands of one partition than there is room for, and returns the
// answers of those that are accepted.
func crowd(t *testing.T, gateway *testNode, room, more int, timeout time.Duration) []<-chan broker.Reply {
	t.Helper()
	var accepted []<-chan broker.Reply
	begin := time.Now()
	for i := range room + more {
		r := gateway.submit(noteInput{Key: fmt.Sprint("k", i%4), Text: fmt.Sprint(i)}, timeout)
		if i < room {
			accepted = append(accepted, r)
			continue
		}
		select {
		case got := <-r:
			if got.Code != fault.Overloaded || got.RetryAfter == 0 || got.Late {
				t.Errorf("command %d: %+v", i, got)
			}
		case <-time.After(testenv.Late):
			t.Errorf("command %d is not answered at once", i)
		}
	}
	if took := time.Since(begin); took > testenv.Late {
		t.Errorf("it took %s to send %d commands", took, room+more)
	}
	return accepted
}

// tell adds a command that nobody waits for, and no backlog refuses, to the only
// partition.
func tell(t *testing.T, rdb *redis.Client, key, input string) {
	t.Helper()
	p := broker.NewPublisher(rdb, slog.New(slog.DiscardHandler))
	defer p.Close()
	m := message.NewMessage("told", []byte(input))
	m.Metadata = message.Metadata{"operation": "test.note", "key": key, "user": "alice"}
	if err := p.Publish("cmd:{p0}", m); err != nil {
		t.Fatal(err)
	}
}

func texts(n int) map[string][]string {
	want := map[string][]string{}
	for i := range n {
		key := fmt.Sprint("k", i%4)
		want[key] = append(want[key], fmt.Sprint(i))
	}
	return want
}

func (n *notebook) all() map[string][]string {
	n.mu.Lock()
	defer n.mu.Unlock()
	all := map[string][]string{}
	for k, v := range n.texts {
		all[k] = append([]string(nil), v...)
	}
	return all
}

func TestABacklogWithoutAWorker(t *testing.T) {
	t.Parallel()
	testenv.OnBoth(t, func(t *testing.T, url string) {
		const room = 20
		opt := func(c *broker.Config) { c.Partitions, c.Backlog = 1, room }
		gateway, rdb := startNode(t, url, "g", nil, opt), testenv.Client(t, url)
		backlog := func() int64 { return rdb.XLen(t.Context(), "cmd:{p0}").Val() }

		// A worker that comes within the time runs all.
		accepted := crowd(t, gateway, room, 10, 20*time.Second)
		testenv.WaitFor(t, 20*time.Second, "the backlog", func() bool { return backlog() == room })
		book := newNotebook()
		worker := startNode(t, url, "w", book, opt)
		for _, r := range accepted {
			if got := gateway.await(r); got.Code != "" {
				t.Errorf("%s %s", got.Code, got.Body)
			}
		}
		if diff := cmp.Diff(texts(room), book.all()); diff != "" {
			t.Error(diff)
		}

		// It takes commands again as soon as there is room, and one that comes too late
		// completes what has expired.
		worker.worker.Close()
		testenv.WaitFor(t, 20*time.Second, "room", func() bool {
			r := gateway.submit(noteInput{Key: "k", Text: "room?"}, 10*time.Second)
			select {
			case got := <-r:
				if got.Code != fault.Overloaded {
					t.Errorf("%+v", got)
				}
				return false
			case <-time.After(20 * time.Millisecond):
				return true
			}
		})
		begin := time.Now()
		accepted = crowd(t, gateway, room-1, 10, 500*time.Millisecond)
		for _, r := range accepted {
			if got := gateway.await(r); got.Code != fault.Timeout {
				t.Errorf("%+v", got)
			}
		}
		if took := time.Since(begin); took > testenv.Late {
			t.Errorf("timeouts after %s", took)
		}
		if n := backlog(); n != room {
			t.Errorf("%d commands are kept, want %d", n, room)
		}
		tell(t, rdb, "told", `{"key":"told","text":"told"}`)
		late := newNotebook()
		next := startNode(t, url, "late", late, opt)
		testenv.WaitFor(t, 10*time.Second, "the backlog to be worked off", func() bool { return backlog() == 0 })
		if diff := cmp.Diff(map[string][]string{"k": {"room?"}, "told": {"told"}}, late.all()); diff != "" {
			t.Error(diff)
		}
		if got := total(next.metrics.Expired); got != room-1 {
			t.Errorf("%d have expired, want %d", got, room-1)
		}
	})
}

// Hot keys do not stop the others of their partition, and lose nothing by that.
func TestAHotKeyDoesNotFillItsPartition(t *testing.T) {
	t.Parallel()
	testenv.OnBoth(t, func(t *testing.T, url string) {
		book := newNotebook()
		n := startNode(t, url, "a", book, func(c *broker.Config) { c.Partitions = 1 })
		const hot, behind, cold = 2, 300, 50
		want := map[string][]string{}
		var waiting []<-chan broker.Reply
		send := func(key, text, do string) {
			want[key] = append(want[key], text)
			waiting = append(waiting, n.submit(noteInput{Key: key, Text: text, Do: do}, 30*time.Second))
		}
		for k := range hot {
			send(fmt.Sprint("hot", k), "first", "block")
		}
		testenv.WaitFor(t, 20*time.Second, "the hot keys to be blocked", func() bool { return book.begun.Load() == hot })
		for i := range behind {
			for k := range hot {
				send(fmt.Sprint("hot", k), fmt.Sprint(i), "")
			}
		}
		for i := range cold { // each is answered within its time, although the hot keys are blocked
			key := fmt.Sprint("cold", i%5)
			want[key] = append(want[key], fmt.Sprint(i))
			if r := n.call(noteInput{Key: key, Text: fmt.Sprint(i)}); r.Code != "" {
				t.Fatalf("%s %s", r.Code, r.Body)
			}
		}
		if got := book.begun.Load(); got != hot+cold {
			t.Errorf("%d commands have begun", got)
		}
		close(book.block)
		for _, r := range waiting {
			if got := n.await(r); got.Code != "" {
				t.Fatalf("%s %s", got.Code, got.Body)
			}
		}
		if diff := cmp.Diff(want, book.all()); diff != "" {
			t.Error(diff)
		}
	})
}

// What was worked off while nobody sent anything does not count.
func TestABacklogIsKnownToBeEmptyAfterARest(t *testing.T) {
	t.Parallel()
	testenv.OnBoth(t, func(t *testing.T, url string) {
		rdb := testenv.Client(t, url)
		const room = 100
		g := startNode(t, url, "g", nil, onePartition, func(c *broker.Config) { c.Backlog = room })
		var all []<-chan broker.Reply
		send := func(n int) {
			for i := range n {
				all = append(all, g.submit(noteInput{Key: fmt.Sprint(i)}, 30*time.Second))
			}
		}
		answered := func() {
			t.Helper()
			for _, r := range all {
				if got := g.await(r); got.Code != "" {
					t.Fatalf("%s", got.Body)
				}
			}
			all = all[:0]
		}
		length := func(want int64) {
			t.Helper()
			testenv.WaitFor(t, 20*time.Second, fmt.Sprint(want, " commands that wait"), func() bool {
				return rdb.XLen(t.Context(), "cmd:{p0}").Val() == want
			})
		}
		send(room - 5)
		length(room - 5)
		startNode(t, url, "w", newNotebook(), onePartition)
		answered()
		length(0)
		time.Sleep(time.Second) // the rest is what is tested: long enough to measure again
		send(room / 2)
		answered()
	})
}
