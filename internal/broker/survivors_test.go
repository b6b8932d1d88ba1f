package broker_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/internal/testenv"
)

// What a handler returns after its time is not committed, so it is no outcome for the
// copies of its command: the next one runs.
func TestAHungHandlerLeavesNoOutcome(t *testing.T) {
	t.Parallel()
	testenv.OnBoth(t, func(t *testing.T, url string) {
		rdb := testenv.Client(t, url)
		book := newNotebook()
		n := startNode(t, url, "a", book, onePartition, kept)
		in := noteInput{Key: "k", Text: "once", Do: "block"}
		hung := n.send(&broker.Command{
			Operation: "test.note", Key: "k", IdempotencyKey: "1", Input: []byte(`{"key":"k","text":"once","do":"block"}`),
			Caller: contract.Caller{UserID: "alice"}, Timeout: 300 * time.Millisecond,
		})
		if r := n.await(hung); r.Code != fault.Timeout {
			t.Fatalf("%s %s", r.Code, r.Body)
		}
		testenv.WaitFor(t, 20*time.Second, "it to be given up", func() bool {
			return n.worker.HungHandlers() == 1 && rdb.XLen(t.Context(), "cmd:{p0}").Val() == 0
		})
		retry := n.try("alice", "1", in)
		testenv.WaitFor(t, 20*time.Second, "the retry to wait", func() bool { return rdb.XLen(t.Context(), "cmd:{p0}").Val() == 1 })
		close(book.block)
		if r := n.await(retry); r.Code != "" || book.begun.Load() != 2 {
			t.Errorf("%s %s, begun %d times", r.Code, r.Body, book.begun.Load())
		}
		testenv.WaitFor(t, 20*time.Second, "the event", func() bool { return len(n.texts()) > 0 })
		if diff := cmp.Diff([]string{"once"}, n.texts()); diff != "" {
			t.Error(diff)
		}
		if r := n.tried("alice", "1", in); r.Code != "" || book.begun.Load() != 2 {
			t.Errorf("a later retry: %s %s, begun %d times", r.Code, r.Body, book.begun.Load())
		}
	})
}

// Suspects with idempotency keys wait for their records in the queue of suspects.
func TestSuspectsWithIdempotencyKeysRun(t *testing.T) {
	t.Parallel()
	testenv.OnBoth(t, func(t *testing.T, url string) {
		rdb := testenv.Client(t, url)
		gateway := startNode(t, url, "g", nil, onePartition)
		var replies []<-chan broker.Reply
		for i := range 6 {
			replies = append(replies, gateway.try("alice", fmt.Sprint(i/2), noteInput{Key: "k", Text: fmt.Sprint(i / 2)}))
		}
		testenv.WaitFor(t, 20*time.Second, "the backlog", func() bool { return rdb.XLen(t.Context(), "cmd:{p0}").Val() == 6 })
		err := rdb.HSet(t.Context(), "own:{p0}", "boot", "dead", "epoch", 1, "until", 1, "crashed", time.Now().Add(time.Minute).UnixMilli()).Err()
		if err != nil {
			t.Fatal(err)
		}
		book := newNotebook()
		startNode(t, url, "w", book, onePartition, kept)
		for i, r := range replies {
			if got := gateway.await(r); got.Code != "" {
				t.Errorf("%d: %s %s", i, got.Code, got.Body)
			}
		}
		if diff := cmp.Diff([]string{"0", "1", "2"}, book.of("k")); diff != "" {
			t.Error(diff)
		}
		if rdb.HGet(t.Context(), "own:{p0}", "alone").Val() == "" {
			t.Error("none of them ran alone")
		}
	})
}
