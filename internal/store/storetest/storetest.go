// Package storetest is what every store must pass. Start at Tasks.
package storetest

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/example/switchyard/usecases/tasks"
)

// Tasks tests the store of tasks.
func Tasks(t *testing.T, s tasks.Store) {
	ctx := t.Context()
	if _, err := s.Get(ctx, "none"); !errors.Is(err, tasks.ErrNoTask) {
		t.Errorf("unknown task: %v", err)
	}
	task := tasks.Task{ID: "t1", Owner: "alice", Title: "count", Total: 3}
	for range 2 {
		task.Done++
		if err := s.Put(ctx, task); err != nil {
			t.Fatal(err)
		}
		got, err := s.Get(ctx, "t1")
		if diff := cmp.Diff(task, got); err != nil || diff != "" {
			t.Errorf("%v %s", err, diff)
		}
	}
}
