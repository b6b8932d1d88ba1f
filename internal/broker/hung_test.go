package broker_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/internal/testenv"
)

// A handler that ignores its context is given up at its deadline. Its key waits for it,
// no other one does, and what it returns in the end is dropped.
func TestAHungHandlerBlocksItsKeyAlone(t *testing.T) {
	t.Parallel()
	testenv.OnBoth(t, func(t *testing.T, url string) {
		rdb := testenv.Client(t, url)
		book := newNotebook()
		n := startNode(t, url, "a", book, onePartition)
		hung := n.submit(noteInput{Key: "k", Text: "hung", Do: "block"}, 300*time.Millisecond)
		expired := n.submit(noteInput{Key: "k", Text: "expired"}, 300*time.Millisecond)
		for _, r := range []fault.Code{n.await(hung).Code, n.await(expired).Code} {
			if r != fault.Timeout {
				t.Errorf("answered %q", r)
			}
		}
		testenv.WaitFor(t, 20*time.Second, "both to be completed while the handler hangs", func() bool {
			return n.worker.HungHandlers() == 1 && rdb.XLen(t.Context(), "cmd:{p0}").Val() == 0
		})
		behind := n.submit(noteInput{Key: "k", Text: "behind"}, 20*time.Second)
		if r := n.call(noteInput{Key: "other", Text: "other"}); r.Code != "" {
			t.Errorf("another key: %s", r.Body)
		}
		select {
		case r := <-behind:
			t.Errorf("its key went on: %s", r.Body)
		default:
		}
		close(book.block)
		if r := n.await(behind); r.Code != "" {
			t.Errorf("behind it: %s", r.Body)
		}
		testenv.WaitFor(t, 20*time.Second, "no hung handler", func() bool { return n.worker.HungHandlers() == 0 })
		testenv.WaitFor(t, 20*time.Second, "the events", func() bool { return len(n.texts()) == 2 })
		if diff := cmp.Diff([]string{"other", "behind"}, n.texts()); diff != "" {
			t.Errorf("events: %s", diff)
		}
		if err := n.worker.Drain(t.Context()); err != nil {
			t.Error(err)
		}
		if got := n.waited(); got != 4 {
			t.Errorf("of 4 commands %d are told to have waited for their turn", got)
		}
	})
}

// A handler that hangs when its partition is lost is counted all the same, and a drain
// names it.
func TestAHungHandlerOfALostPartitionIsTold(t *testing.T) {
	t.Parallel()
	url := testenv.Embedded(t)
	rdb, book := testenv.Client(t, url), newNotebook()
	n := startNode(t, url, "a", book, onePartition)
	n.submit(noteInput{Key: "k", Do: "block"}, 2*time.Second)
	testenv.WaitFor(t, 20*time.Second, "it to begin", func() bool { return book.begun.Load() == 1 })
	if err := rdb.HSet(t.Context(), "own:{p0}", "boot", "other", "epoch", 1).Err(); err != nil {
		t.Fatal(err)
	}
	testenv.WaitFor(t, 20*time.Second, "the loss", func() bool { return total(n.metrics.Lost) == 1 })
	testenv.WaitFor(t, 20*time.Second, "a hung handler", func() bool { return n.worker.HungHandlers() == 1 })
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := n.worker.Drain(ended); err == nil || !strings.HasPrefix(err.Error(), "1 commands still run: test.note ") {
		t.Errorf("a drain says %v", err)
	}
	close(book.block)
	if err := n.worker.Drain(t.Context()); err != nil || n.worker.HungHandlers() != 0 {
		t.Errorf("%d hang, and a drain says %v", n.worker.HungHandlers(), err)
	}
}
