package parity

import (
	"context"
	"testing"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/siotest"
)

type taken struct {
	Seats []ticket `json:"seats"`
}

// A use case reads the sessions of sockets that other nodes hold, each by its type.
func TestTheSessionOfAnotherSocket(t *testing.T) {
	t.Parallel()
	ns := contract.Namespace{Name: "/table", Doc: "A table."}
	seat, coat := contract.Session[ticket]{Name: "seat"}, contract.Session[text]{Name: "coat"}
	sit := contract.Command[ticket, contract.None]{Namespace: ns, Event: "sit", Operation: "table.sit", Doc: "Sit down."}
	look := contract.Command[text, taken]{Namespace: ns, Event: "look", Operation: "table.look", Doc: "See where somebody sits."}
	nodes := siotest.Cluster(t, 2, siotest.Workers(1), siotest.Service(func(p siotest.Ports) *contract.Catalog {
		return contract.NewCatalog([]contract.Route{
			sit.Handle(func(_ context.Context, in ticket) (contract.None, []contract.Effect, error) {
				return contract.None{}, []contract.Effect{seat.Set(in), coat.Set(text{Text: "blue"})}, nil
			}),
			look.Handle(func(ctx context.Context, in text) (taken, []contract.Effect, error) {
				found, err := p.Sockets.List(ctx, ns, contract.OfUser(in.Text))
				seats := []ticket{}
				for _, s := range found.Sockets {
					at, ok, unread := seat.Of(s)
					_, dressed, alsoUnread := coat.Of(s)
					if unread != nil || alsoUnread != nil || ok != dressed {
						t.Error(ok, dressed, unread, alsoUnread)
					}
					if ok {
						seats = append(seats, at)
					}
				}
				return taken{seats}, nil, err
			}),
		})
	}))
	alice, bob := join(t, nodes[0].URL, "/table", `{"user":"alice"}`), join(t, nodes[1].URL, "/table", `{"user":"bob"}`)
	want(t, alice.Call("/table", "look", `{"text":"bob"}`), `{"seats":[]}`)
	want(t, bob.Call("/table", "sit", `{"row":7,"agent":"","calls":0,"seen":[]}`), `{}`)
	want(t, alice.Call("/table", "look", `{"text":"bob"}`), `{"seats":[{"row":7,"agent":"","calls":0,"seen":[]}]}`)
	want(t, bob.Call("/table", "sit", `{"row":8,"agent":"","calls":0,"seen":[]}`), `{}`)
	want(t, alice.Call("/table", "look", `{"text":"bob"}`), `{"seats":[{"row":8,"agent":"","calls":0,"seen":[]}]}`)
}
