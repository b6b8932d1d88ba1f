package broker_test

import (
	"testing"
	"time"

	"github.com/example/switchyard/internal/testenv"
)

// A commit of who owns the partition no more is refused, and counted; the command runs
// again. Now and then the worker hears of its loss first, and commits nothing.
func TestRefusedCommitsAreCounted(t *testing.T) {
	t.Parallel()
	on(t, func(t *testing.T, url string) {
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
	if p, err := n.lanes.Partitions(t.Context()); err != nil || len(p) != 1 || p[0].Boot != n.lanes.Boot() || p[0].Lease != "held" {
		t.Errorf("%+v %v", p, err)
	}
}
