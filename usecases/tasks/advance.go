package tasks

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/fault"
)

// advance does one step of a task and submits the next one.
var advance = contract.Command[AdvanceInput, contract.None]{
	Namespace: Namespace, Operation: "tasks.advance", Internal: true,
	Doc:    "Do one step of a task.",
	Key:    func(in AdvanceInput) string { return taskKey(in.TaskID) },
	Raises: []contract.EventSpec{Progress.Spec(), Finished.Spec(), Failed.Spec()},
}

// AdvanceInput names the step, counted from 1.
type AdvanceInput struct {
	TaskID string `json:"task_id"`
	Step   int    `json:"step"`
}

func (s *Service) advance(ctx context.Context, in AdvanceInput) (contract.None, []contract.Effect, error) {
	var none contract.None
	t, err := s.store.Get(ctx, in.TaskID)
	if err != nil {
		return none, nil, fmt.Errorf("get task %s: %w", in.TaskID, err)
	}
	if t.Cancelled {
		return none, nil, nil
	}
	if t.Done < in.Step && t.Failed == "" { // else it was done, and what follows was not committed
		var reason *fault.Fault
		switch err := s.work(ctx, t, in.Step); {
		case errors.As(err, &reason):
			t.Failed = cmp.Or(reason.Detail, string(reason.Code))
		case err != nil && ctx.Err() != nil: // not wrapped, or it would be the answer "timeout", which leaves no dead letter to replay
			return none, nil, fmt.Errorf("step %d of task %s was not done in time", in.Step, t.ID)
		case err != nil:
			return none, nil, fmt.Errorf("step %d of task %s: %w", in.Step, t.ID, err)
		default:
			t.Done = in.Step
		}
		if err := s.store.Put(ctx, t); err != nil {
			return none, nil, fmt.Errorf("keep task %s: %w", t.ID, err)
		}
	}
	if t.Failed != "" {
		return none, []contract.Effect{Failed.Of(FailedPayload{TaskID: t.ID, Reason: t.Failed}).ToUser(t.Owner)}, nil
	}
	effects := []contract.Effect{
		Progress.Of(ProgressPayload{TaskID: t.ID, Done: in.Step, Total: t.Total}).ToUser(t.Owner),
	}
	if in.Step >= t.Total {
		return none, append(effects, Finished.Of(FinishedPayload{TaskID: t.ID}).ToUser(t.Owner)), nil
	}
	return none, append(effects, contract.Submit(advance, AdvanceInput{TaskID: t.ID, Step: in.Step + 1})), nil
}
