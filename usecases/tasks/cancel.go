package tasks

import (
	"context"
	"fmt"

	"github.com/example/switchyard/internal/contract"
)

// Cancel is the command to stop a task. The step that runs is finished first.
var Cancel = contract.Command[CancelInput, CancelOutput]{
	Namespace: Namespace, Event: "cancel", Operation: "tasks.cancel",
	Doc:    "Stop a task of yours after the step that runs.",
	Key:    func(in CancelInput) string { return taskKey(in.TaskID) },
	Raises: []contract.EventSpec{Cancelled.Spec()},
}

// CancelInput names the task.
type CancelInput struct {
	TaskID string `json:"task_id" minLength:"1" maxLength:"64"`
}

// CancelOutput tells whether there was something to stop.
type CancelOutput struct {
	TaskID    string `json:"task_id"`
	Cancelled bool   `json:"cancelled" doc:"False if the task had ended before."`
}

func (s *Service) cancel(ctx context.Context, in CancelInput) (CancelOutput, []contract.Effect, error) {
	t, err := s.of(ctx, in.TaskID)
	if err != nil {
		return CancelOutput{}, nil, err
	}
	if t.Done >= t.Total || t.Failed != "" {
		return CancelOutput{TaskID: t.ID}, nil, nil
	}
	t.Cancelled = true
	if err := s.store.Put(ctx, t); err != nil {
		return CancelOutput{}, nil, fmt.Errorf("keep task %s: %w", t.ID, err)
	}
	return CancelOutput{TaskID: t.ID, Cancelled: true}, []contract.Effect{
		Cancelled.Of(CancelledPayload{TaskID: t.ID}).ToUser(t.Owner),
	}, nil
}
