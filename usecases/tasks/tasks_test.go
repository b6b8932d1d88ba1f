package tasks

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/contract/contracttest"
	"github.com/example/switchyard/internal/fault"
)

// fakeStore keeps tasks in a map.
type fakeStore map[string]Task

func (s fakeStore) Get(_ context.Context, id string) (Task, error) {
	t, ok := s[id]
	if !ok {
		return Task{}, ErrNoTask
	}
	return t, nil
}

func (s fakeStore) Put(_ context.Context, t Task) error { s[t.ID] = t; return nil }

func noWork(context.Context, Task, int) error { return nil }

var alice = contracttest.Caller("alice")

// runToEnd serves follow-up commands until there are none, as the lanes would.
func runToEnd(t *testing.T, s *Service, effects []contract.Effect) (progress []ProgressPayload, finished []FinishedPayload) {
	t.Helper()
	for next := contracttest.Submitted(effects, advance); len(next) > 0; next = contracttest.Submitted(effects, advance) {
		var err error
		if _, effects, err = contracttest.Call(t, s.Routes(), advance, alice, next[0]); err != nil {
			t.Fatal(err)
		}
		progress = append(progress, contracttest.Emitted(effects, Progress)...)
		finished = append(finished, contracttest.Emitted(effects, Finished)...)
	}
	return progress, finished
}

func TestATaskIsAChainOfSteps(t *testing.T) {
	t.Parallel()
	s := New(fakeStore{}, noWork)
	out, effects, err := contracttest.Call(t, s.Routes(), Start, alice, StartInput{Title: "count", Steps: 3})
	if err != nil || out.TaskID != alice.CommandID {
		t.Fatalf("%+v %v", out, err)
	}
	progress, finished := runToEnd(t, s, effects)
	id := out.TaskID
	if diff := cmp.Diff([]ProgressPayload{{id, 1, 3}, {id, 2, 3}, {id, 3, 3}}, progress); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]FinishedPayload{{id}}, finished); diff != "" {
		t.Error(diff)
	}
}

// A step whose node was lost before its commit runs again: the work is not done
// twice, the events and the next step are not lost.
func TestAStepThatRunsAgain(t *testing.T) {
	t.Parallel()
	worked := 0
	store := fakeStore{"t1": {ID: "t1", Owner: "alice", Total: 2}}
	s := New(store, func(context.Context, Task, int) error { worked++; return nil })
	for range 2 {
		_, effects, err := contracttest.Call(t, s.Routes(), advance, alice, AdvanceInput{TaskID: "t1", Step: 1})
		if err != nil || len(contracttest.Submitted(effects, advance)) != 1 || len(contracttest.Emitted(effects, Progress)) != 1 {
			t.Errorf("%v %v", effects, err)
		}
	}
	if worked != 1 {
		t.Errorf("the work was done %d times", worked)
	}
}

func TestWorkThatFails(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	store := fakeStore{"t1": {ID: "t1", Owner: "alice", Total: 2}}
	s := New(store, func(context.Context, Task, int) error { return broken })
	if _, _, err := contracttest.Call(t, s.Routes(), advance, alice, AdvanceInput{TaskID: "t1", Step: 1}); !errors.Is(err, broken) || store["t1"].Done != 0 {
		t.Errorf("%v %+v", err, store["t1"])
	}
	if _, _, err := contracttest.Call(t, s.Routes(), advance, alice, AdvanceInput{TaskID: "gone", Step: 1}); !errors.Is(err, ErrNoTask) {
		t.Error(err)
	}
}

// A fault says why a task cannot go on: it ends, also when the node was lost before the
// commit and the step runs again.
func TestWorkThatSaysWhyItFails(t *testing.T) {
	t.Parallel()
	worked := 0
	store := fakeStore{"t1": {ID: "t1", Owner: "alice", Total: 2}}
	s := New(store, func(context.Context, Task, int) error { worked++; return fault.New(fault.Conflict, "the file is gone") })
	for range 2 {
		_, effects, err := contracttest.Call(t, s.Routes(), advance, alice, AdvanceInput{TaskID: "t1", Step: 1})
		if err != nil || len(contracttest.Submitted(effects, advance)) > 0 {
			t.Errorf("%v %v", effects, err)
		}
		if diff := cmp.Diff([]FailedPayload{{"t1", "the file is gone"}}, contracttest.Emitted(effects, Failed)); diff != "" {
			t.Error(diff)
		}
	}
	if worked != 1 || store["t1"].Done != 0 {
		t.Errorf("the work was done %d times: %+v", worked, store["t1"])
	}
	out, effects, err := contracttest.Call(t, s.Routes(), Cancel, alice, CancelInput{TaskID: "t1"})
	if err != nil || out.Cancelled || len(effects) > 0 {
		t.Errorf("cancelled after its end: %+v %v %v", out, effects, err)
	}
	status, _, err := contracttest.Call(t, s.Routes(), Status, alice, StatusInput{TaskID: "t1"})
	if err != nil || status.Failed != "the file is gone" {
		t.Errorf("%+v %v", status, err)
	}
}

// A fault that says nothing ends its task all the same.
func TestWorkThatFailsWithoutAWord(t *testing.T) {
	t.Parallel()
	s := New(fakeStore{"t1": {ID: "t1", Owner: "alice", Total: 2}}, func(context.Context, Task, int) error { return fault.New(fault.Conflict, "") })
	_, effects, err := contracttest.Call(t, s.Routes(), advance, alice, AdvanceInput{TaskID: "t1", Step: 1})
	if diff := cmp.Diff([]FailedPayload{{"t1", "conflict"}}, contracttest.Emitted(effects, Failed)); err != nil || diff != "" || len(effects) != 1 {
		t.Errorf("%v %v %s", err, effects, diff)
	}
}

// The lanes take an error that is the context's for the answer "timeout", and keep nothing.
func TestWorkThatTakesTooLongIsAnAccident(t *testing.T) {
	t.Parallel()
	store := fakeStore{"t1": {ID: "t1", Owner: "alice", Total: 2}}
	s := New(store, func(ctx context.Context, _ Task, _ int) error { <-ctx.Done(); return ctx.Err() })
	ctx, cancel := context.WithTimeout(t.Context(), 1)
	defer cancel()
	_, _, err := s.advance(ctx, AdvanceInput{TaskID: "t1", Step: 1})
	if err == nil || errors.Is(err, context.DeadlineExceeded) || store["t1"].Done != 0 || store["t1"].Failed != "" {
		t.Errorf("%v %+v", err, store["t1"])
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	store := fakeStore{"t1": {ID: "t1", Owner: "alice", Total: 2, Done: 1}, "t2": {ID: "t2", Owner: "alice", Total: 1, Done: 1}}
	s := New(store, noWork)
	for _, tc := range []struct {
		by   string
		id   string
		want CancelOutput
		code fault.Code
	}{
		{"bob", "t1", CancelOutput{}, fault.NotFound},
		{"alice", "none", CancelOutput{}, fault.NotFound},
		{"alice", "t1", CancelOutput{TaskID: "t1", Cancelled: true}, ""},
		{"alice", "t2", CancelOutput{TaskID: "t2"}, ""},
	} {
		out, effects, err := contracttest.Call(t, s.Routes(), Cancel, contracttest.Caller(tc.by), CancelInput{TaskID: tc.id})
		if told := contracttest.Emitted(effects, Cancelled); (len(told) == 1) != tc.want.Cancelled {
			t.Errorf("%s %s: told %v", tc.by, tc.id, told)
		}
		if diff := cmp.Diff(tc.want, out); diff != "" {
			t.Errorf("%s %s: %s", tc.by, tc.id, diff)
		}
		if tc.code == "" && err != nil || tc.code != "" && !errors.Is(err, fault.New(tc.code, "")) {
			t.Errorf("%s %s: %v", tc.by, tc.id, err)
		}
	}
	_, effects, err := contracttest.Call(t, s.Routes(), advance, alice, AdvanceInput{TaskID: "t1", Step: 2})
	if err != nil || len(effects) != 0 {
		t.Errorf("a cancelled task went on: %v %v", effects, err)
	}
}

func TestStatus(t *testing.T) {
	t.Parallel()
	s := New(fakeStore{"t1": {ID: "t1", Owner: "alice", Title: "count", Total: 3, Done: 2, Cancelled: true}}, noWork)
	out, _, err := contracttest.Call(t, s.Routes(), Status, alice, StatusInput{TaskID: "t1"})
	if diff := cmp.Diff(StatusOutput{TaskID: "t1", Title: "count", Done: 2, Total: 3, Cancelled: true}, out); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	if _, _, err := contracttest.Call(t, s.Routes(), Status, contracttest.Caller("bob"), StatusInput{TaskID: "t1"}); !errors.Is(err, fault.New(fault.NotFound, "")) {
		t.Errorf("somebody else's: %v", err)
	}
}

func TestShowWorkHonoursItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	if err := NewWork()(ctx, Task{}, 1); err != nil {
		t.Error(err)
	}
	cancel()
	if err := NewWork()(ctx, Task{}, 1); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
