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
		out, _, err := contracttest.Call(t, s.Routes(), Cancel, contracttest.Caller(tc.by), CancelInput{TaskID: tc.id})
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
