package broker_test

import (
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
// Only the third death is charged to it, and to no other command that was there.
func TestACommandThatKillsItsProcessIsADeadLetter(t *testing.T) {
	t.Parallel()
	on(t, func(t *testing.T, url string) {
		rdb := testenv.Client(t, url)
		gateway := startNode(t, url, "g", nil, onePartition)
		poison := gateway.submit(noteInput{Key: "poison", Do: "block"}, time.Minute)
		innocent := gateway.submit(noteInput{Key: "innocent", Do: "block"}, time.Minute)
		testenv.WaitFor(t, 20*time.Second, "the backlog", func() bool { return rdb.XLen(t.Context(), "cmd:{p0}").Val() == 2 })
		first := rdb.XRangeN(t.Context(), "cmd:{p0}", "-", "+", 1).Val()[0].ID
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
		testenv.WaitFor(t, 20*time.Second, "the first to run alone", func() bool { return book.begun.Load() == 1 })
		fresh := gateway.submit(noteInput{Key: "fresh"}, time.Minute)
		if got := rdb.HGet(t.Context(), "own:{p0}", "alone").Val(); got != first {
			t.Errorf("%q runs alone, want %q", got, first)
		}
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
		for what, replies := range map[string]<-chan broker.Reply{"innocent": innocent, "fresh": fresh} {
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
