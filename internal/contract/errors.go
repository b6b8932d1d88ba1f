package contract

import (
	"context"
	"errors"
)

// An ErrorMap says what an error means: the error to take its place, usually a fault,
// or nil if it does not know it. Make it with OnError.
type ErrorMap func(context.Context, error) error

// OnError maps errors of one type, as errors.As finds them:
//
//	contract.OnError(func(ctx context.Context, err *pgconn.PgError) error {
//		return fault.New(fault.Conflict, "it is there already")
//	})
//
// A nil result leaves the error to those that come after. What an inner scope has
// mapped is not mapped again. What is marked as transient is tried again and not
// mapped, unless E is an interface that asks for that mark. What contributes nothing to
// the answer belongs into the error that is returned, wrapped: the log has it only if
// the answer is no fault.
func OnError[E error](f func(context.Context, E) error) ErrorMap {
	return func(ctx context.Context, err error) error {
		var e E
		if !errors.As(err, &e) {
			return nil
		}
		return f(ctx, e)
	}
}

// A settled error was mapped by an inner scope.
type settled struct{ error }

func (s settled) Unwrap() error { return s.error }

// mapped maps the errors of next.
func mapped(maps []ErrorMap, next Serve) Serve {
	return func(ctx context.Context, input []byte) (Outcome, error) {
		out, err := next(ctx, input)
		if err == nil || errors.As(err, new(settled)) || isTransient(err) {
			return out, err
		}
		for _, m := range maps {
			if m == nil { // Check tells
				continue
			}
			if meant := m(ctx, err); meant != nil {
				return Outcome{}, settled{meant}
			}
		}
		return out, err
	}
}

// isTransient tells whether an error is marked by fault.Transient.
func isTransient(err error) bool {
	var t interface{ Transient() bool }
	return errors.As(err, &t) && t.Transient()
}
