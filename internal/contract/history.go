package contract

import (
	"context"
	"encoding/json"
	"fmt"
)

// A History reads events that were kept (Event.Keep): those of one event, raised by
// commands with one key, in the order in which they were raised. Positions are those of
// the commands (Caller.Position); one of which nothing is kept, or not any more, is a
// place between others. A text that is no position has nothing before or after it.
// Errors are transient.
//
// Read with the key of the command that reads, it has all that the commands before it
// have raised: it waits until that is committed. Read with another key it has what is
// committed by then. A handler that returns what it has read keeps within MAX_OUTPUT and
// MaxBinary, so of large events it asks for few.
type History interface {
	// Before returns at most limit events, the newest last: those right before a
	// position, or the newest of all for "".
	Before(ctx context.Context, e EventSpec, key, position string, limit int) ([]Kept, error)
	// After returns at most limit events, the newest last: those right after a position.
	After(ctx context.Context, e EventSpec, key, position string, limit int) ([]Kept, error)
}

// A Kept is an event that was kept.
type Kept struct {
	Position string
	Payload  json.RawMessage
}

// Before reads what was kept of the event, decoded. See History.
func (e Event[T]) Before(ctx context.Context, h History, key, position string, limit int) ([]T, error) {
	return decodeKept[T](h.Before(ctx, e.specFor(ctx), key, position, limit))
}

// After reads what was kept of the event, decoded. See History.
func (e Event[T]) After(ctx context.Context, h History, key, position string, limit int) ([]T, error) {
	return decodeKept[T](h.After(ctx, e.specFor(ctx), key, position, limit))
}

// specFor is the event in the namespace that the caller is in, if its own is a pattern.
func (e Event[T]) specFor(ctx context.Context) EventSpec {
	e.Namespace = e.Namespace.For(CallerFrom(ctx))
	return e.Spec()
}

func decodeKept[T any](kept []Kept, err error) ([]T, error) {
	if err != nil {
		return nil, err
	}
	all := make([]T, len(kept))
	for i, k := range kept {
		if all[i], err = decode[T](k.Payload); err != nil {
			return nil, fmt.Errorf("decode what was kept at %s: %w", k.Position, err)
		}
	}
	return all, nil
}
