// Package contracttest serves commands without a broker, for the unit tests of use
// cases: the same checks and the same encoding as on the lanes, and no Redis. Start
// at Call.
package contracttest

import (
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/schema"
)

// Caller is a caller as the lanes make one: with a socket, a command's id, its place
// after the last Caller, and a time.
func Caller(user string, roles ...string) contract.Caller {
	return contract.Caller{
		UserID: user, Roles: roles, Socket: "socket-of-" + user, Node: "test",
		CommandID: uuid.NewString(), Position: fmt.Sprintf("%d-0", position.Add(1)),
		Accepted: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC),
	}
}

var position atomic.Int64

// Call sends a command as its client would: the input is encoded, checked against
// its schema and guards, decoded, and served. The error is what the client would get
// as a problem.
func Call[In, Out any](t testing.TB, routes []contract.Route, c contract.Command[In, Out], by contract.Caller, in In) (Out, []contract.Effect, error) {
	t.Helper()
	var out Out
	body, err := json.Marshal(in)
	if err != nil {
		t.Fatalf("encode the input of %s: %v", c.Operation, err)
	}
	cmd := find(t, routes, c.Operation)
	if !cmd.Internal {
		if _, err := cmd.Accept(by, body); err != nil {
			return out, nil, err
		}
	}
	got, err := cmd.Run(context.WithoutCancel(t.Context()), by, body)
	if err != nil {
		return out, nil, err
	}
	if err := json.Unmarshal(got.Output, &out); err != nil {
		t.Fatalf("decode the output of %s: %v", c.Operation, err)
	}
	return out, got.Effects, nil
}

func find(t testing.TB, routes []contract.Route, operation string) *schema.Command {
	t.Helper()
	compiled, err := schema.Compile(contract.NewCatalog(routes))
	if err != nil {
		t.Fatal(err)
	}
	for _, cmd := range compiled.Commands {
		if cmd.Operation == operation {
			return cmd
		}
	}
	t.Fatalf("no route serves %s: is its line in Routes missing?", operation)
	return nil
}

// Emitted returns the payloads of one event among effects.
func Emitted[T any](effects []contract.Effect, e contract.Event[T]) []T {
	want := e.Spec()
	var found []T
	for _, effect := range effects {
		if m, ok := effect.(contract.Emission); ok && m.Event.Name == want.Name && m.Event.Namespace.Name == want.Namespace.Name {
			if payload, ok := m.Payload.(T); ok {
				found = append(found, payload)
			}
		}
	}
	return found
}

// Submitted returns the inputs of one follow-up command among effects, or of one that was
// dispatched.
func Submitted[In, Out any](effects []contract.Effect, c contract.Command[In, Out]) []In {
	var found []In
	for _, effect := range effects {
		if s, ok := effect.(contract.Submission); ok && s.Operation == c.Operation {
			if in, ok := s.Input.(In); ok {
				found = append(found, in)
			}
		}
	}
	return found
}
