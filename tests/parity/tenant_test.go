package parity

import (
	"context"
	"testing"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/fault"
)

// Two tenants, two nodes: the same name is two rooms, and neither a name that a client
// made up nor somebody else's command brings a socket into another tenant's.
func TestTenantsHaveRoomsOfTheirOwn(t *testing.T) {
	t.Parallel()
	urls := serve(t, 2, func() *contract.Catalog {
		ns := contract.Namespace{Name: "/a", Doc: "A."}
		said := contract.Event[text]{Namespace: ns, Name: "said", Doc: "Something was said."}
		command := func(verb string, effects func(contract.Caller, text) []contract.Effect) contract.Route {
			return contract.Command[text, contract.None]{
				Namespace: ns, Event: verb, Operation: "a." + verb, Doc: "Do it.", Raises: []contract.EventSpec{said.Spec()},
			}.Handle(func(ctx context.Context, in text) (contract.None, []contract.Effect, error) {
				return contract.None{}, effects(contract.CallerFrom(ctx), in), nil
			})
		}
		return contract.NewCatalog([]contract.Route{
			command("join", func(by contract.Caller, in text) []contract.Effect {
				return []contract.Effect{contract.Join(by.Room(in.Text))}
			}),
			command("say", func(by contract.Caller, in text) []contract.Effect {
				return []contract.Effect{said.Of(in).To(by.Room("news"))}
			}),
			command("trust", func(_ contract.Caller, in text) []contract.Effect { // as nobody should
				return []contract.Effect{contract.Join(contract.Room(in.Text))}
			}),
			command("pull", func(by contract.Caller, in text) []contract.Effect {
				return []contract.Effect{contract.JoinUser(in.Text, by.Room("news"))}
			}),
		})
	})
	acme := join(t, urls[0], "/a", `{"user":"alice","tenant":"acme"}`)
	other := join(t, urls[1], "/a", `{"user":"mallory","tenant":"other"}`)
	twin := join(t, urls[1], "/a", `{"user":"bob","tenant":"acme"}`)
	want(t, acme.Call("/a", "join", `{"text":"news"}`), `{}`)
	want(t, other.Call("/a", "join", `{"text":"news"}`), `{}`)
	for _, name := range []string{"t:acme:news", "t::news", "t:ACME:news"} {
		wantCode(t, other.Call("/a", "trust", `{"text":"`+name+`"}`), fault.Forbidden)
	}
	want(t, acme.Call("/a", "pull", `{"text":"mallory"}`), `{}`)
	want(t, acme.Call("/a", "pull", `{"text":"bob"}`), `{}`)
	want(t, acme.Call("/a", "say", `{"text":"acme's"}`), `{}`)
	want(t, acme.Expect("/a", "said"), `{"text":"acme's"}`)
	want(t, twin.Expect("/a", "said"), `{"text":"acme's"}`)
	want(t, other.Call("/a", "say", `{"text":"other's"}`), `{}`)
	want(t, other.Expect("/a", "said"), `{"text":"other's"}`) // and nothing before
}
