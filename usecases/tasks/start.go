package tasks

import (
	"context"
	"fmt"

	"github.com/example/switchyard/internal/contract"
)

// Start is the command to begin a task.
var Start = contract.Command[StartInput, StartOutput]{
	Namespace: Namespace, Event: "start", Operation: "tasks.start",
	Doc: "Begin a task. Its progress comes as events to all your sockets.",
}

// StartInput says what to do.
type StartInput struct {
	Title string `json:"title" minLength:"1" maxLength:"200" example:"count"`
	Steps int    `json:"steps" minimum:"1" maximum:"1000" example:"3"`
}

// StartOutput names the task.
type StartOutput struct {
	TaskID string `json:"task_id"`
}

func (s *Service) start(ctx context.Context, in StartInput) (StartOutput, []contract.Effect, error) {
	c := contract.CallerFrom(ctx)
	t := Task{ID: c.CommandID, Owner: c.UserID, Title: in.Title, Total: in.Steps} // a second run is the same task
	if err := s.store.Put(ctx, t); err != nil {
		return StartOutput{}, nil, fmt.Errorf("keep task %s: %w", t.ID, err)
	}
	return StartOutput{TaskID: t.ID}, []contract.Effect{
		contract.Submit(advance, AdvanceInput{TaskID: t.ID, Step: 1}),
	}, nil
}
