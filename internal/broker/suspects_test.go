package broker_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/internal/testenv"
)

// crash ends a worker as a crash does: nothing is handed over. The lease lapses at once.
func crash(t *testing.T, rdb *redis.Client, n *testNode) {
	t.Helper()
	n.worker.Close()
	if err := rdb.HSet(t.Context(), "own:{p0}", "until", 1).Err(); err != nil {
		t.Fatal(err)
	}
}

// A command that kills its process runs three times: twice beside others, then alone.
// Only the third death is charged to it, and to no other command that was there. Either of
// two that may be to blame runs first.
func TestACommandThatKillsItsProcessIsADeadLetter(t *testing.T) {
	t.Parallel()
	testenv.OnBoth(t, func(t *testing.T, url string) {
		rdb := testenv.Client(t, url)
		gateway := startNode(t, url, "g", nil, onePartition)
		both := map[string]<-chan broker.Reply{} // by entry
		for n := range int64(2) {
			replies := gateway.submit(noteInput{Key: fmt.Sprint(n), Do: "block"}, time.Minute)
			testenv.WaitFor(t, 20*time.Second, "the backlog", func() bool { return rdb.XLen(t.Context(), "cmd:{p0}").Val() == n+1 })
			both[rdb.XRevRangeN(t.Context(), "cmd:{p0}", "+", "-", 1).Val()[0].ID] = replies
		}
		for _, together := range []int64{2, 2} {
			book := newNotebook()
			defer close(book.block)
			n := startNode(t, url, "w", book, onePartition)
			testenv.WaitFor(t, 20*time.Second, "both to run", func() bool { return book.begun.Load() == together })
			crash(t, rdb, n)
		}
		book := newNotebook()
		defer close(book.block)
		n := startNode(t, url, "alone", book, onePartition)
		testenv.WaitFor(t, 20*time.Second, "one to run alone", func() bool { return book.begun.Load() == 1 })
		fresh := gateway.submit(noteInput{Key: "fresh"}, time.Minute)
		first := rdb.HGet(t.Context(), "own:{p0}", "alone").Val()
		poison := both[first]
		if poison == nil {
			t.Fatalf("%q runs alone, of %v", first, both)
		}
		delete(both, first)
		crash(t, rdb, n)
		if got := book.begun.Load(); got != 1 {
			t.Errorf("%d ran beside it", got-1)
		}
		last := newNotebook()
		close(last.block)
		n = startNode(t, url, "last", last, onePartition)
		if r := gateway.await(poison); r.Code != fault.Internal {
			t.Errorf("%s %s", r.Code, r.Body)
		}
		both["fresh"] = fresh
		for what, replies := range both {
			if r := gateway.await(replies); r.Code != "" {
				t.Errorf("%s: %s", what, r.Body)
			}
		}
		if taken, again := total(n.metrics.Takeovers), total(n.metrics.Redelivered); taken != 1 || again != 3 {
			t.Errorf("%d partitions are counted as taken over, %d commands with them", taken, again)
		}
		all := deadLetters(t, rdb)
		if len(all) != 1 || all[0].Metadata["_dead_reason"] != "the process died while it ran" || all[0].Metadata["_dead_attempts"] != "3" {
			t.Errorf("dead letters: %v", all)
		}
	})
}

// suspectAll makes all that waits in the lane suspects of its next owner.
func suspectAll(t *testing.T, rdb *redis.Client) {
	t.Helper()
	last := rdb.XRevRangeN(t.Context(), "cmd:{p0}", "+", "-", 1).Val()[0].ID
	ms, _, _ := strings.Cut(last, "-")
	if err := rdb.HSet(t.Context(), "own:{p0}", "boot", "dead", "epoch", 1, "until", 1, "crashed", ms).Err(); err != nil {
		t.Fatal(err)
	}
}

// A suspect that hangs holds up its key: not the other suspects, nor what comes after them.
func TestAHungSuspectBlocksItsKeyAlone(t *testing.T) {
	t.Parallel()
	testenv.OnBoth(t, func(t *testing.T, url string) {
		rdb := testenv.Client(t, url)
		gateway := startNode(t, url, "g", nil, onePartition)
		hung := gateway.submit(noteInput{Key: "k", Do: "block"}, 2*time.Second)
		var behind []<-chan broker.Reply // more than wait in the process
		for i := range 100 {
			behind = append(behind, gateway.submit(noteInput{Key: "k", Text: fmt.Sprint(i)}, time.Minute))
		}
		second := gateway.submit(noteInput{Key: "second"}, time.Minute)
		testenv.WaitFor(t, 20*time.Second, "the backlog", func() bool { return rdb.XLen(t.Context(), "cmd:{p0}").Val() == 102 })
		suspectAll(t, rdb)
		book := newNotebook()
		w := startNode(t, url, "w", book, onePartition)
		if r := gateway.await(hung); r.Code != fault.Timeout {
			t.Errorf("it is answered %q", r.Code)
		}
		if r := gateway.await(second); r.Code != "" {
			t.Errorf("the other suspect: %s", r.Body)
		}
		if r := gateway.call(noteInput{Key: "other"}); r.Code != "" {
			t.Errorf("another key: %s", r.Body)
		}
		if n := w.worker.HungHandlers(); n != 1 {
			t.Errorf("%d handlers hang", n)
		}
		close(book.block)
		for i, replies := range behind {
			if r := gateway.await(replies); r.Code != "" {
				t.Fatalf("behind it, %d: %s", i, r.Body)
			}
		}
		ran := book.of("k")
		for i, text := range ran[1:] {
			if text != fmt.Sprint(i) {
				t.Fatalf("out of order: %v", ran)
			}
		}
		testenv.WaitFor(t, 20*time.Second, "an empty lane", func() bool { return rdb.XLen(t.Context(), "cmd:{p0}").Val() == 0 })
		if err := w.worker.Drain(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// A drain leaves to the others the suspects whose turn has not come.
func TestADrainLeavesSuspectsToOthers(t *testing.T) {
	t.Parallel()
	url := testenv.Embedded(t)
	rdb := testenv.Client(t, url)
	gateway := startNode(t, url, "g", nil, onePartition)
	var both []<-chan broker.Reply
	for i := range 2 {
		both = append(both, gateway.submit(noteInput{Key: fmt.Sprint(i), Do: "block"}, time.Minute))
	}
	testenv.WaitFor(t, 20*time.Second, "the backlog", func() bool { return rdb.XLen(t.Context(), "cmd:{p0}").Val() == 2 })
	suspectAll(t, rdb)
	book, others := newNotebook(), newNotebook()
	close(others.block)
	w := startNode(t, url, "w", book, onePartition)
	testenv.WaitFor(t, 20*time.Second, "one to run", func() bool { return book.begun.Load() == 1 })
	startNode(t, url, "other", others, onePartition)
	testenv.WaitFor(t, 20*time.Second, "two workers", func() bool { return rdb.ZCard(t.Context(), "workers").Val() == 2 })
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.worker.Drain(ended); err == nil {
		t.Error("a drain does not wait for what runs")
	}
	close(book.block)
	if err := w.worker.Drain(t.Context()); err != nil {
		t.Error(err)
	}
	for _, replies := range both {
		if r := gateway.await(replies); r.Code != "" {
			t.Errorf("%s", r.Body)
		}
	}
	if here, there := book.begun.Load(), others.begun.Load(); here != 1 || there != 1 {
		t.Errorf("%d have run here, %d there", here, there)
	}
}

// Nor does one that fails, when Redis refuses its dead letter.
func TestARefusedSuspectBlocksItsKeyAlone(t *testing.T) {
	t.Parallel()
	testenv.OnBoth(t, func(t *testing.T, url string) {
		rdb := testenv.Client(t, url)
		gateway := startNode(t, url, "g", nil, onePartition)
		spoil(t, rdb, "")
		failed := gateway.submit(noteInput{Key: "k", Do: "fail"}, time.Minute)
		behind := gateway.submit(noteInput{Key: "k"}, time.Minute)
		testenv.WaitFor(t, 20*time.Second, "the backlog", func() bool { return rdb.XLen(t.Context(), "cmd:{p0}").Val() == 2 })
		suspectAll(t, rdb)
		startNode(t, url, "w", newNotebook(), onePartition)
		for i := range 5 {
			if r := gateway.call(noteInput{Key: fmt.Sprint("other", i)}); r.Code != "" {
				t.Fatalf("another key: %s", r.Body)
			}
		}
		unspoil(t, rdb, "")
		if r := gateway.await(failed); r.Code != fault.Internal {
			t.Errorf("it is answered %q", r.Code)
		}
		if r := gateway.await(behind); r.Code != "" {
			t.Errorf("behind it: %s", r.Body)
		}
	})
}

// Nor does one that is to be sent on, to a lane that takes nothing.
func TestASuspectThatIsSentOnBlocksItsKeyAlone(t *testing.T) {
	t.Parallel()
	url := testenv.Redis(t)
	rdb := testenv.Client(t, url)
	two := func(c *broker.Config) { c.Partitions = 2 }
	const here, alsoHere, there = "a", "c", "b" // keys of the lanes 0, 0 and 1
	n, second := startNode(t, url, "first", newNotebook(), two), startNode(t, url, "second", nil, two)
	_, err := rdb.TxPipelined(t.Context(), func(pipe redis.Pipeliner) error {
		for _, key := range []string{"own:{p1}", "cmd:{p1}"} {
			pipe.Del(t.Context(), key)
			pipe.Set(t.Context(), key, "something else", 0)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	testenv.WaitFor(t, 20*time.Second, "the loss", func() bool { return total(n.metrics.Lost) == 1 })
	if r := n.call(noteInput{Key: here, Do: "follow", Text: there}); r.Code != "" {
		t.Fatalf("%s", r.Body)
	}
	testenv.WaitFor(t, 20*time.Second, "what is to be sent on", func() bool { return rdb.XLen(t.Context(), "cmd:{p0}").Val() == 1 })
	n.worker.Close()
	other := n.submit(noteInput{Key: alsoHere}, time.Minute)
	testenv.WaitFor(t, 20*time.Second, "the backlog", func() bool { return rdb.XLen(t.Context(), "cmd:{p0}").Val() == 2 })
	suspectAll(t, rdb)
	second.serveWith(newNotebook().handle)
	if r := n.await(other); r.Code != "" {
		t.Errorf("another key: %s", r.Body)
	}
}

// A partition that is handed over makes nothing suspect, and neither does a worker that
// takes its own back.
func TestWhoHandsOverHasNotDied(t *testing.T) {
	t.Parallel()
	url := testenv.Embedded(t)
	rdb := testenv.Client(t, url)
	for range 2 {
		n := startNode(t, url, "w", newNotebook(), onePartition)
		for range 2 {
			epoch := rdb.HGet(t.Context(), "own:{p0}", "epoch").Val()
			if err := rdb.HSet(t.Context(), "own:{p0}", "until", 1, "epoch", "0"+epoch).Err(); err != nil {
				t.Fatal(err)
			}
			testenv.WaitFor(t, 20*time.Second, "it to take its partition back", func() bool {
				now := rdb.HGet(t.Context(), "own:{p0}", "epoch").Val()
				return now != "0"+epoch
			})
		}
		if err := n.worker.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got := rdb.HMGet(t.Context(), "own:{p0}", "crashed", "suspect").Val(); got[0] != nil || got[1] != nil {
		t.Errorf("crashed and suspect are %v", got)
	}
}
