package parity

import (
	"context"
	"testing"

	"github.com/example/switchyard/internal/auth"
	"github.com/example/switchyard/internal/config"
	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/internal/siotest"
)

// The main namespace is one like any other: it has commands, rooms and events on every
// node, and lets nobody in without a token where tokens are needed.
func TestTheMainNamespace(t *testing.T) {
	t.Parallel()
	foyer := contract.Namespace{Name: "/", Doc: "Where clients are that name no namespace."}
	rang := contract.Event[text]{Namespace: foyer, Name: "rang", Doc: "Somebody rang."}
	enter := contract.Command[text, contract.None]{Namespace: foyer, Event: "enter", Operation: "foyer.enter", Doc: "Enter."}
	ring := contract.Command[text, text]{Namespace: foyer, Event: "ring", Operation: "foyer.ring", Doc: "Ring.", Raises: []contract.EventSpec{rang.Spec()}}
	service := siotest.Routes(
		enter.Handle(func(_ context.Context, in text) (contract.None, []contract.Effect, error) {
			return contract.None{}, []contract.Effect{contract.Join(contract.Room(in.Text))}, nil
		}),
		ring.Handle(func(_ context.Context, in text) (text, []contract.Effect, error) {
			return in, []contract.Effect{rang.Of(in).To("hall")}, nil
		}))
	nodes := siotest.Cluster(t, 2, siotest.Workers(1), service)
	alice, bob := nodes[0].Client(t, foyer, siotest.As("alice")), nodes[1].Client(t, foyer, siotest.As("bob"))
	siotest.Call(t, bob, enter, text{"hall"})
	want(t, siotest.Call(t, alice, ring, text{"ding"}).Text, "ding")
	want(t, siotest.Expect(t, bob, rang).Text, "ding")
	guarded := siotest.Start(t, service, siotest.With(func(c *config.Config) {
		c.AuthMode, c.JWTSecret = auth.JWT, "a secret of thirty-two bytes or more"
	}))
	guarded.Rejects(t, foyer, fault.Unauthenticated)
}
