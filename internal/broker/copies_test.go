package broker_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/internal/testenv"
)

// The lookup of the last copy was before the first one's commit, and much else is
// committed before its turn comes.
func TestACopyThatWaitsForLongIsNotRun(t *testing.T) {
	t.Parallel()
	testenv.OnBoth(t, func(t *testing.T, url string) {
		book := newNotebook()
		gateway := startNode(t, url, "g", nil, kept, onePartition)
		in := noteInput{Key: "k", Text: "once"}
		first := gateway.try("alice", "once", in)
		blocked := gateway.submit(noteInput{Key: "k", Text: "between", Do: "block"}, 20*time.Second)
		second := gateway.try("alice", "once", in)
		rdb := testenv.Client(t, url)
		testenv.WaitFor(t, 20*time.Second, "the backlog", func() bool { return rdb.XLen(t.Context(), "cmd:{p0}").Val() == 3 })
		startNode(t, url, "w", book, kept, onePartition) // which reads all three at once
		want := gateway.await(first)
		others := make([]<-chan broker.Reply, 300) // more than a partition reads ahead
		for i := range others {
			others[i] = gateway.try("alice", fmt.Sprint("other", i), noteInput{Key: fmt.Sprint("other", i)})
		}
		for _, r := range others {
			if got := gateway.await(r); got.Code != "" {
				t.Fatalf("%s", got.Body)
			}
		}
		close(book.block)
		gateway.await(blocked)
		if diff := cmp.Diff(want, gateway.await(second)); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{"once", "between"}, book.of("k")); diff != "" {
			t.Error(diff)
		}
	})
}

func TestACopyIsReplayedByTheNextOwner(t *testing.T) {
	t.Parallel()
	for name, committed := range map[string]bool{"the first is committed": true, "the first runs": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testenv.OnBoth(t, func(t *testing.T, url string) {
				mine, theirs := newNotebook(), newNotebook()
				gateway := startNode(t, url, "g", nil, kept, onePartition)
				a := startNode(t, url, "a", mine, kept, onePartition)
				in := noteInput{Key: "k", Text: "once", Do: "block"}
				want, begun := []string{"once"}, int64(1)
				if committed {
					in.Do = ""
					want, begun = []string{"between"}, 2
				}
				first := gateway.try("alice", "once", in)
				var answer broker.Reply
				if committed {
					answer = gateway.await(first)
					gateway.submit(noteInput{Key: "k", Text: "between", Do: "block"}, 20*time.Second)
				}
				second := gateway.try("alice", "once", in)
				testenv.WaitFor(t, 20*time.Second, "the handlers", func() bool { return mine.begun.Load() == begun })
				a.worker.Close() // as if it had died: the lease lapses
				close(theirs.block)
				startNode(t, url, "b", theirs, kept, onePartition)
				if !committed {
					answer = gateway.await(first)
				}
				if diff := cmp.Diff(answer, gateway.await(second)); diff != "" {
					t.Error(diff)
				}
				close(mine.block) // the dead one wakes up, and commits nothing
				if diff := cmp.Diff(want, theirs.of("k")); diff != "" {
					t.Error(diff)
				}
				rdb := testenv.Client(t, url)
				testenv.WaitFor(t, 20*time.Second, "an empty backlog", func() bool { return rdb.XLen(t.Context(), "cmd:{p0}").Val() == 0 })
				if n := strings.Count(strings.Join(gateway.texts(), " "), "once"); n != 1 {
					t.Errorf("%d events", n)
				}
			})
		})
	}
}

func TestACommitWhoseAnswerIsLost(t *testing.T) {
	t.Parallel()
	testenv.OnBoth(t, func(t *testing.T, url string) {
		link := &brokenLink{broken: isCommit, after: true}
		book := newNotebook()
		gateway := startNode(t, url, "g", nil, kept, onePartition)
		link.start(t, url, "a", book, kept, onePartition)
		gateway.call(noteInput{Key: "warm", Text: "warm"})
		link.on.Store(true)
		in := noteInput{Key: "k", Text: "once"}
		want := gateway.tried("alice", "once", in) // the worker tries to commit it again and again
		copies := []<-chan broker.Reply{gateway.try("alice", "once", in), gateway.try("alice", "once", in)}
		other := gateway.try("alice", "once", noteInput{Key: "k", Text: "else"})
		testenv.WaitFor(t, 20*time.Second, "commits that fail", func() bool { return link.failed.Load() > 2 })
		link.on.Store(false)
		for _, r := range copies {
			if diff := cmp.Diff(want, gateway.await(r)); diff != "" {
				t.Error(diff)
			}
		}
		if r := gateway.await(other); r.Code != fault.Conflict {
			t.Errorf("%s", r.Body)
		}
		if diff := cmp.Diff([]string{"once"}, book.of("k")); diff != "" {
			t.Error(diff)
		}
		gateway.call(noteInput{Key: "k", Text: "end"})
		testenv.WaitFor(t, 20*time.Second, "the last event", func() bool { return slices.Contains(gateway.texts(), "end") }) // it brings the answer, and is handed over after it
		if diff := cmp.Diff([]string{"warm", "once", "end"}, gateway.texts()); diff != "" {
			t.Error(diff)
		}
	})
}

// The third copy is read while the second one runs, after the first one has come to no
// outcome: nothing is recorded yet, and the second one's outcome is the third one's.
func TestCopiesAfterAnAccident(t *testing.T) {
	t.Parallel()
	testenv.OnBoth(t, func(t *testing.T, url string) {
		var runs atomic.Int64
		block := make(chan struct{})
		n := startNode(t, url, "a", nil, kept, onePartition)
		serve := note.Handle(func(_ context.Context, in noteInput) (noteOutput, []contract.Effect, error) {
			if in.Do == "accident first" {
				if runs.Add(1) == 1 {
					return noteOutput{}, nil, errors.New("the disk is full")
				}
				<-block
			}
			return noteOutput{Text: in.Text}, nil, nil
		})
		n.worker = broker.NewWorker(n.lanes, broker.NewHandlers(contract.NewCatalog([]contract.Route{serve})))
		if err := n.worker.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		in := noteInput{Key: "k", Text: "once", Do: "accident first"}
		first, second := n.try("alice", "once", in), n.try("alice", "once", in)
		if r := n.await(first); r.Code != fault.Internal {
			t.Errorf("%s", r.Body)
		}
		testenv.WaitFor(t, 20*time.Second, "the second copy", func() bool { return runs.Load() == 2 })
		third := n.try("alice", "once", in)
		for i := range 3 { // they are read, and looked up, after it
			n.tried("alice", fmt.Sprint("other", i), noteInput{Key: fmt.Sprint("other", i)})
		}
		close(block)
		if diff := cmp.Diff(n.await(second), n.await(third)); diff != "" || runs.Load() != 2 {
			t.Errorf("it ran %d times; %s", runs.Load(), diff)
		}
	})
}
