// Package tasks is work that takes a while, on the namespace /tasks: whoever starts
// a task watches its progress and may cancel it.
//
// A task is a chain of follow-up commands, one a step, each committed together with
// the next, so that it goes on when the node that ran the last step is gone. Only
// who has started a task can see or cancel it. A step that fails with a fault ends its task;
// any other error, also that it takes too long, is an accident, and the task goes on when an
// operator replays the dead letter. Routes is the table of contents.
package tasks

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/fault"
)

// Namespace is where tasks live.
var Namespace = contract.Namespace{Name: "/tasks", Doc: "Work that takes a while, with its progress."}

// The events, to all sockets of whoever started the task.
var (
	Progress = contract.Event[ProgressPayload]{
		Namespace: Namespace, Name: "task.progress",
		Doc: "One more step of a task is done.",
	}
	Finished = contract.Event[FinishedPayload]{
		Namespace: Namespace, Name: "task.finished",
		Doc: "All steps of a task are done.",
	}
	Cancelled = contract.Event[CancelledPayload]{
		Namespace: Namespace, Name: "task.cancelled",
		Doc: "A task was stopped.",
	}
	Failed = contract.Event[FailedPayload]{
		Namespace: Namespace, Name: "task.failed",
		Doc: "A task has ended before its last step.",
	}
)

// ProgressPayload says how far a task is.
type ProgressPayload struct {
	TaskID string `json:"task_id"`
	Done   int    `json:"done"`
	Total  int    `json:"total"`
}

// FinishedPayload names the task.
type FinishedPayload struct {
	TaskID string `json:"task_id"`
}

// CancelledPayload names the task.
type CancelledPayload struct {
	TaskID string `json:"task_id"`
}

// FailedPayload says why a task has ended.
type FailedPayload struct {
	TaskID string `json:"task_id"`
	Reason string `json:"reason" doc:"One sentence for people."`
}

// A Task is what is kept of one.
type Task struct {
	ID        string `json:"id"`
	Owner     string `json:"owner"` // user who has started it
	Title     string `json:"title"`
	Total     int    `json:"total"` // steps
	Done      int    `json:"done"`  // of them
	Cancelled bool   `json:"cancelled,omitempty"`
	Failed    string `json:"failed,omitempty"` // why it has ended
}

// ErrNoTask is what a Store returns for an id it does not keep (any more).
var ErrNoTask = errors.New("no such task")

// A Store keeps tasks. The commands of one task run one after the other, so reading
// and writing need not be one step.
type Store interface {
	Get(ctx context.Context, id string) (Task, error) // or ErrNoTask
	Put(ctx context.Context, t Task) error
}

// Work does one step of a task, counted from 1. A step may be done twice when a node
// is lost, so it must not mind. Its context ends at the command's timeout. A fault ends the
// task, and its owner is told the detail.
type Work func(ctx context.Context, t Task, step int) error

// NewWork is work for show: each step only takes a moment. Put yours in its place.
func NewWork() Work {
	return func(ctx context.Context, _ Task, _ int) error {
		t := time.NewTimer(100 * time.Millisecond)
		defer t.Stop()
		select {
		case <-t.C:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Service serves the commands.
type Service struct {
	store Store
	work  Work
}

// New makes the service.
func New(s Store, w Work) *Service { return &Service{store: s, work: w} }

// Routes lists the commands.
func (s *Service) Routes() []contract.Route {
	return []contract.Route{
		Start.Handle(s.start),
		Cancel.Handle(s.cancel),
		Status.Handle(s.status),
		advance.Handle(s.advance),
	}
}

func taskKey(id string) string { return "task " + id }

// of returns a task of the caller's. Somebody else's is not told from none.
func (s *Service) of(ctx context.Context, id string) (Task, error) {
	t, err := s.store.Get(ctx, id)
	if errors.Is(err, ErrNoTask) || err == nil && t.Owner != contract.CallerFrom(ctx).UserID {
		return Task{}, fault.New(fault.NotFound, "you have no task of this id")
	}
	if err != nil {
		return Task{}, fmt.Errorf("get task %s: %w", id, err)
	}
	return t, nil
}
