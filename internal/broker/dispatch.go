package broker

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/internal/tracing"
)

var _ contract.Dispatcher = (*Lanes)(nil)

var errMaybeSent = fault.New(fault.Timeout, "it is not known whether the command was sent: trying again is safe only with an idempotency key")

// Dispatch sends a command that no client has sent. It is the contract.Dispatcher of use
// cases; if ctx is in a span that is sampled, those of the command are its children. Safe
// for concurrent use.
func (l *Lanes) Dispatch(ctx context.Context, s contract.Submission, by contract.Caller) error {
	input, err := json.Marshal(s.Input)
	switch {
	case err != nil:
		return fmt.Errorf("dispatch %s: encode its input: %w", s.Operation, err)
	case len(input) > l.cfg.MaxOutput: // as a follow-up's
		return fmt.Errorf("dispatch %s: its input has %d bytes, more than %d (MAX_OUTPUT)", s.Operation, len(input), l.cfg.MaxOutput)
	case ctx.Err() != nil:
		return errNotSent
	}
	c := &Command{
		ID: uuid.Must(uuid.NewV7()).String(), Operation: s.Operation, Key: s.Key, IdempotencyKey: s.IdempotencyKey, Input: input,
		Caller: contract.Caller{UserID: by.UserID, Tenant: by.Tenant, Roles: by.Roles, Namespace: by.Namespace},
		Trace:  tracing.From(ctx),
	}
	c.correlation = cmp.Or(by.Correlation, c.ID)
	span := l.publishing(c)
	sent := make(chan error, 1)
	deadline, _ := ctx.Deadline()
	l.publish(c, deadline, func(err error) { sent <- err })
	select {
	case err = <-sent:
	case <-ctx.Done():
		err = ctx.Err()
	}
	span.End(publishProblem(err))
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrNotSent):
		answer := errNotSent
		errors.As(err, &answer) // it may be a fault that says more
		return answer
	}
	return errMaybeSent
}
