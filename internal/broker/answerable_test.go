package broker_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/internal/testenv"
)

// No error that a handler returns does harm beyond its command.
func TestErrorsThatCannotBeAsked(t *testing.T) {
	t.Parallel()
	var path *fs.PathError
	var none *fault.Fault
	for name, tc := range map[string]struct {
		err  error
		want fault.Code
	}{
		"a nil pointer":              {path, fault.Internal},
		"a nil fault":                {none, fault.Internal},
		"a nil fault, wrapped":       {fmt.Errorf("look: %w", error(none)), fault.Internal},
		"a fault without a code":     {&fault.Fault{Detail: "no"}, fault.Internal},
		"a context that panics":      {fault.New(fault.Conflict, "no").With(panics{}), fault.Internal},
		"an error that panics":       {panics{}, fault.Internal},
		"one that can, for contrast": {fault.New(fault.Conflict, "no"), fault.Conflict},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := startNode(t, testenv.Embedded(t), "a", nil, onePartition)
			n.serveWith(func(context.Context, noteInput) (noteOutput, []contract.Effect, error) {
				return noteOutput{}, nil, tc.err
			})
			if r := n.call(noteInput{Key: "k"}); r.Code != tc.want {
				t.Errorf("%q %s", r.Code, r.Body)
			}
		})
	}
}

// panics does whatever it is asked.
type panics struct{}

func (panics) Error() string                { panic("asked for its text") }
func (panics) Unwrap() error                { panic("asked for what is in it") }
func (panics) MarshalJSON() ([]byte, error) { panic("asked for JSON") }

func TestAMiddlewareThatReturnsNoMessage(t *testing.T) {
	t.Parallel()
	n := startNode(t, testenv.Embedded(t), "a", nil, onePartition)
	n.serveWith(func(context.Context, noteInput) (noteOutput, []contract.Effect, error) {
		return noteOutput{}, nil, errors.New("not asked")
	}, func(message.HandlerFunc) message.HandlerFunc {
		return func(*message.Message) ([]*message.Message, error) { return []*message.Message{nil}, nil }
	})
	if r := n.call(noteInput{Key: "k"}); r.Code != fault.Internal {
		t.Errorf("%q %s", r.Code, r.Body)
	}
}

// serveWith starts a worker of the node with a handler of its own.
func (n *testNode) serveWith(h func(context.Context, noteInput) (noteOutput, []contract.Effect, error), chain ...message.HandlerMiddleware) {
	n.t.Helper()
	n.worker = broker.NewWorker(n.lanes, broker.NewHandlers(contract.NewCatalog([]contract.Route{note.Handle(h)}), chain...))
	if err := n.worker.Start(n.t.Context()); err != nil {
		n.t.Fatal(err)
	}
}
