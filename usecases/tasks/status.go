package tasks

import (
	"context"

	"github.com/example/switchyard/internal/contract"
)

// Status is the command to see how far a task is, for who may have missed its events. It
// is ordered by the caller's socket, so that it waits for no step; what it tells may be
// ahead of the events.
var Status = contract.Command[StatusInput, StatusOutput]{
	Namespace: Namespace, Event: "status", Operation: "tasks.status",
	Doc: "See how far a task of yours is.",
}

// StatusInput names the task.
type StatusInput struct {
	TaskID string `json:"task_id" minLength:"1" maxLength:"64"`
}

// StatusOutput says how far it is.
type StatusOutput struct {
	TaskID    string `json:"task_id"`
	Title     string `json:"title"`
	Done      int    `json:"done" doc:"Steps; all of them: the task is finished."`
	Total     int    `json:"total"`
	Cancelled bool   `json:"cancelled"`
	Failed    string `json:"failed,omitempty" doc:"Why it has ended before its last step; none: it has not."`
}

func (s *Service) status(ctx context.Context, in StatusInput) (StatusOutput, []contract.Effect, error) {
	t, err := s.of(ctx, in.TaskID)
	if err != nil {
		return StatusOutput{}, nil, err
	}
	return StatusOutput{TaskID: t.ID, Title: t.Title, Done: t.Done, Total: t.Total, Cancelled: t.Cancelled, Failed: t.Failed}, nil, nil
}
