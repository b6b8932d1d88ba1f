package broker_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/testenv"
)

// A commit of who owns the partition no more is refused, and counted; the command runs
// again. Now and then the worker hears of its loss first, and commits nothing.
func TestRefusedCommitsAreCounted(t *testing.T) {
	t.Parallel()
	testenv.OnBoth(t, func(t *testing.T, url string) {
		rdb, book := testenv.Client(t, url), newNotebook()
		n := startNode(t, url, "a", book, onePartition)
		defer close(book.block)
		testenv.WaitFor(t, time.Minute, "a commit to be refused", func() bool {
			begun, lost := book.begun.Load(), total(n.metrics.Lost)
			reply := n.submit(noteInput{Key: "k", Do: "block"}, time.Minute)
			testenv.WaitFor(t, 20*time.Second, "the handler", func() bool { return book.begun.Load() == begun+1 })
			if err := rdb.HSet(t.Context(), "own:{p0}", "boot", "thief", "epoch", 1, "until", 1).Err(); err != nil {
				t.Fatal(err)
			}
			book.block <- struct{}{}
			testenv.WaitFor(t, 20*time.Second, "the loss", func() bool { return total(n.metrics.Lost) == lost+1 })
			book.block <- struct{}{} // once more, when the partition is taken back
			if r := n.await(reply); r.Code != "" {
				t.Errorf("%s", r.Body)
			}
			return total(n.metrics.FenceRejects) > 0
		})
	})
}

// What a node is asked at a moment.
func TestMeasures(t *testing.T) {
	t.Parallel()
	url, book := testenv.Embedded(t), newNotebook()
	n := startNode(t, url, "a", book, onePartition)
	reply := n.submit(noteInput{Key: "k", Do: "block"}, time.Minute)
	testenv.WaitFor(t, 20*time.Second, "the handler", func() bool { return book.begun.Load() == 1 })
	if waiting, running, owned := n.gateway.Waiting(), n.worker.Running(), n.worker.Owned(); waiting != 1 || running != 1 || owned != 1 {
		t.Errorf("%d wait, %d run, %d partitions are owned", waiting, running, owned)
	}
	close(book.block)
	n.await(reply)
	testenv.WaitFor(t, 20*time.Second, "nothing to be under way", func() bool { return n.gateway.Waiting()+n.worker.Running() == 0 })
	n.call(noteInput{Key: "k", Do: "transient"})
	if got := total(n.metrics.Retries); got != 2 {
		t.Errorf("%d retries", got)
	}
	if p, up := n.lanes.Partitions(t.Context()); !up || len(p) != 1 || p[0].Boot != n.lanes.Boot() || p[0].Lease != "held" {
		t.Errorf("%+v %t", p, up)
	}
}

// One partition that cannot be looked at hides no other one. A node tells of its own
// partitions and of those that nobody owns, and knows whether Redis answers.
func TestPartitionsAreLookedAtOneByOne(t *testing.T) {
	t.Parallel()
	testenv.OnBoth(t, func(t *testing.T, url string) {
		rdb := testenv.Client(t, url)
		four := func(c *broker.Config) { c.Partitions = 4 }
		a, b := startNode(t, url, "a", newNotebook(), four), startNode(t, url, "b", newNotebook(), four)
		testenv.WaitFor(t, 20*time.Second, "each to own two", func() bool { return a.worker.Owned() == 2 && b.worker.Owned() == 2 })
		numbers := func(n *testNode) (all []int) {
			told, up := n.lanes.Partitions(t.Context())
			if !up {
				t.Error("Redis is told to be away")
			}
			for _, p := range told {
				all = append(all, p.Partition)
			}
			return all
		}
		own, others := numbers(a), numbers(b)
		if all := slices.Sorted(slices.Values(slices.Concat(own, others))); !slices.Equal(all, []int{0, 1, 2, 3}) {
			t.Errorf("a tells of %v, b of %v", own, others)
		}
		if err := errors.Join(a.worker.Drain(t.Context()), b.worker.Drain(t.Context())); err != nil {
			t.Fatal(err)
		}
		if err := rdb.Set(t.Context(), "own:{p2}", "no hash", 0).Err(); err != nil {
			t.Fatal(err)
		}
		if got := numbers(a); !slices.Equal(got, []int{0, 1, 3}) {
			t.Errorf("of partitions that nobody owns a tells of %v", got)
		}
		i, err := broker.Inspect(t.Context(), rdb)
		if err != nil {
			t.Fatal(err)
		}
		all, err := i.Partitions(t.Context())
		if len(all) != 3 || err == nil || !strings.HasPrefix(err.Error(), "look at partition 2: WRONGTYPE") {
			t.Errorf("%d partitions, %v", len(all), err)
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if told, up := a.lanes.Partitions(ended); up || told != nil {
			t.Errorf("without an answer it tells of %v", told)
		}
	})
}
