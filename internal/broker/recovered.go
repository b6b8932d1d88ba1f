package broker

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/example/switchyard/internal/fault"
)

// recovered makes a panic an error. When the goroutine is ended, nothing can prevent it:
// then j.inside says so to what is deferred around it.
func recovered(next serveFunc) serveFunc {
	return func(ctx context.Context, j *job) (messages []*message.Message, err error) {
		j.inside++
		defer func() {
			if v := recover(); v != nil {
				j.inside--
				messages, err = nil, &panicError{value: v, stack: debug.Stack()}
			}
		}()
		messages, err = next(ctx, j)
		if err = answerable(err); err == nil && slices.Contains(messages, nil) {
			messages, err = nil, errors.New("a middleware returned a message that is nil")
		}
		j.inside--
		return messages, err
	}
}

// answerable asks an error all that it will be asked, here where a panic is recovered: a
// nil pointer that was returned as an error panics in its methods, and so may what a fault
// has as its context.
func answerable(err error) error {
	if err == nil {
		return nil
	}
	var f *fault.Fault
	_, _ = fault.IsTransient(err), errors.Is(err, context.DeadlineExceeded)
	switch {
	case !errors.As(err, &f):
	case f == nil:
		return errors.New("the handler returned a nil *fault.Fault as its error: return nil itself")
	case f.Code == "":
		return fmt.Errorf("the handler returned a fault without a code (%q): make it with fault.New", f.Detail)
	default:
		_ = fault.ProblemOf(err, "").JSON()
	}
	_ = reason(err)
	return err
}

var errExited = errors.New("the handler ended its goroutine (runtime.Goexit)")

// A panicError is a handler's panic.
type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }
