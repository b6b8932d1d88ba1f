package broker_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/internal/testenv"
)

// What a timer dispatches runs once, in order, and is heard, on a node without a client;
// what each node dispatches under one idempotency key runs once, too.
func TestDispatch(t *testing.T) {
	t.Parallel()
	testenv.OnBoth(t, func(t *testing.T, url string) {
		book := newNotebook()
		a, b := startNode(t, url, "a", nil, kept), startNode(t, url, "b", book, kept)
		clock := contract.Caller{UserID: "service:clock"}
		for i := range 5 {
			text := fmt.Sprint(i)
			if err := a.lanes.Dispatch(t.Context(), contract.Submit(note, noteInput{Key: "each", Text: text}), clock); err != nil {
				t.Fatal(err)
			}
			once := contract.Submit(note, noteInput{Key: "once", Text: text})
			once.IdempotencyKey = text
			for _, n := range []*testNode{a, b} {
				if err := n.lanes.Dispatch(t.Context(), once, clock); err != nil {
					t.Fatal(err)
				}
			}
		}
		want := []string{"0", "1", "2", "3", "4"}
		testenv.WaitFor(t, 10*time.Second, "all commands to be done", func() bool {
			return len(book.of("each")) == len(want) && len(book.of("once")) == len(want) && b.lanesAreEmpty(url)
		})
		for _, key := range []string{"each", "once"} {
			if diff := cmp.Diff(want, book.of(key)); diff != "" {
				t.Errorf("%s: %s", key, diff)
			}
		}
		testenv.WaitFor(t, 10*time.Second, "the events", func() bool { return len(a.texts()) >= 2*len(want) })
		if n := len(a.texts()); n != 2*len(want) {
			t.Errorf("%d events were heard", n)
		}
	})
}

// lanesAreEmpty tells whether no command waits.
func (n *testNode) lanesAreEmpty(url string) bool {
	rdb := testenv.Client(n.t, url)
	for _, lane := range rdb.Keys(n.t.Context(), "cmd:*").Val() {
		if rdb.XLen(n.t.Context(), lane).Val() > 0 {
			return false
		}
	}
	return true
}

// The caller is who it was dispatched for, and the command has no deadline.
func TestDispatchedCommandsHaveACaller(t *testing.T) {
	t.Parallel()
	url := testenv.Embedded(t)
	seen := make(chan contract.Caller, 1)
	n := startNode(t, url, "n", nil)
	n.serveWith(func(ctx context.Context, _ noteInput) (noteOutput, []contract.Effect, error) {
		seen <- contract.CallerFrom(ctx)
		return noteOutput{}, nil, nil
	})
	by := contract.Caller{UserID: "alice", Tenant: "acme", Roles: []string{"admin"}, Socket: "not hers", Correlation: "a chain"}
	if err := n.lanes.Dispatch(t.Context(), contract.Submit(note, noteInput{Key: "k"}), by); err != nil {
		t.Fatal(err)
	}
	got := <-seen
	if got.UserID != "alice" || got.Tenant != "acme" || !got.HasRole("admin") || got.Socket != "" || got.Correlation != "a chain" || got.Lane != "k" || !got.Deadline.IsZero() {
		t.Errorf("%+v", got)
	}
}

func TestDispatchTellsWhatBecameOfIt(t *testing.T) {
	t.Parallel()
	url := testenv.Embedded(t)
	n := startNode(t, url, "n", nil, onePartition, func(c *broker.Config) { c.Backlog, c.MaxOutput = 3, 100 })
	dispatch := func(ctx context.Context, s contract.Submission) fault.Code {
		err := n.lanes.Dispatch(ctx, s, contract.Caller{})
		var answer *fault.Fault
		if err != nil && !errors.As(err, &answer) {
			return fault.Code("no fault: " + err.Error())
		}
		return fault.ProblemOf(err, "").Code
	}
	one := contract.Submit(note, noteInput{Key: "k"})
	ended, end := context.WithCancel(t.Context())
	end()
	if got := dispatch(ended, one); got != fault.Unavailable {
		t.Errorf("after the end: %s", got)
	}
	if err := n.lanes.Dispatch(t.Context(), contract.Submission{Operation: "test.note", Input: make(chan int)}, contract.Caller{}); err == nil {
		t.Error("a channel was sent")
	}
	if err := n.lanes.Dispatch(t.Context(), contract.Submit(note, noteInput{Text: strings.Repeat("x", 100)}), contract.Caller{}); err == nil || !strings.Contains(err.Error(), "more than 100 (MAX_OUTPUT)") {
		t.Errorf("of a large one: %v", err)
	}
	testenv.WaitFor(t, 10*time.Second, "too many commands", func() bool { return dispatch(t.Context(), one) == fault.Overloaded })
	if err := n.lanes.Close(); err != nil {
		t.Fatal(err)
	}
	if got := dispatch(t.Context(), one); got != fault.Unavailable {
		t.Errorf("after Close: %s", got)
	}
}
