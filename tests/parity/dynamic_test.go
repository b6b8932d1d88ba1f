package parity

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/internal/rawsio"
	"github.com/example/switchyard/internal/siotest"
	"github.com/example/switchyard/internal/testenv"
)

type place struct {
	Namespace string            `json:"namespace"`
	Params    map[string]string `json:"params,omitempty"`
	Sockets   int               `json:"sockets"`
	Kept      []text            `json:"kept,omitempty"`
}

var (
	orgs = contract.Namespace{
		Name: "/org-{org}", Doc: "One for each organisation.", OnConnect: "org.enter", OnDisconnect: "org.exit",
		Policy: &contract.Policy{Connect: []contract.Guard[contract.Connecting]{{Name: "members", Allow: func(c contract.Caller, _ contract.Connecting) error {
			if c.Params["org"] != c.Tenant {
				return fault.New(fault.Forbidden, "%s is not of %s", c.UserID, c.Namespace)
			}
			return nil
		}}}},
	}
	rest = contract.Namespace{Name: "*", Doc: "Every other."}
	told = contract.Event[text]{Namespace: orgs, Name: "told", Doc: "Something was told.", Keep: 10}

	orgEnter = contract.Command[contract.Connecting, contract.None]{Namespace: orgs, Operation: "org.enter", Internal: true, Doc: "Come in."}
	orgExit  = contract.Command[contract.Disconnected, contract.None]{Namespace: orgs, Operation: "org.exit", Internal: true, Doc: "Go."}
	orgTell  = contract.Command[text, place]{
		Namespace: orgs, Event: "tell", Operation: "org.tell", Doc: "Tell everyone.", Raises: []contract.EventSpec{told.Spec()},
		Key: func(text) string { return "same" }, IdempotencyKey: func(in text) string { return in.Text },
	}
	orgPass  = contract.Command[text, contract.None]{Namespace: orgs, Event: "pass", Operation: "org.pass", Doc: "Tell the other organisation.", Raises: []contract.EventSpec{told.Spec()}, Key: func(text) string { return "same" }}
	orgStray = contract.Command[text, contract.None]{Namespace: rest, Event: "stray", Operation: "rest.stray", Doc: "Tell nobody knows whom.", Raises: []contract.EventSpec{told.Spec()}, Key: func(text) string { return "same" }}
	restShow = contract.Command[contract.None, place]{Namespace: rest, Event: "show", Operation: "rest.show", Doc: "Show where this is."}
)

type registry struct {
	mu   sync.Mutex
	gone []string
}

func (r *registry) routes(sockets contract.Sockets, history contract.History) []contract.Route {
	return []contract.Route{
		orgEnter.Handle(func(ctx context.Context, _ contract.Connecting) (contract.None, []contract.Effect, error) {
			return contract.None{}, []contract.Effect{contract.Join("lobby")}, nil
		}),
		orgExit.Handle(func(ctx context.Context, _ contract.Disconnected) (contract.None, []contract.Effect, error) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.gone = append(r.gone, contract.CallerFrom(ctx).Params["org"])
			return contract.None{}, nil, nil
		}),
		orgTell.Handle(func(ctx context.Context, in text) (place, []contract.Effect, error) {
			c := contract.CallerFrom(ctx)
			count, err := sockets.Count(ctx, orgs, contract.Who{})
			if err != nil {
				return place{}, nil, err
			}
			kept, err := told.Before(ctx, history, "same", "", 10)
			return place{c.Namespace, c.Params, count.Sockets, kept}, []contract.Effect{told.Of(in).To("lobby"), contract.JoinUser(c.UserID, "more")}, err
		}),
		orgPass.Handle(func(_ context.Context, in text) (contract.None, []contract.Effect, error) {
			return contract.None{}, []contract.Effect{told.Of(in).ToEveryone().In(orgs.At(in.Text))}, nil
		}),
		orgStray.Handle(func(_ context.Context, in text) (contract.None, []contract.Effect, error) {
			return contract.None{}, []contract.Effect{told.Of(in).ToEveryone()}, nil
		}),
		restShow.Handle(func(ctx context.Context, _ contract.None) (place, []contract.Effect, error) {
			return place{Namespace: contract.CallerFrom(ctx).Namespace}, nil, nil
		}),
	}
}

func TestDynamicNamespacesAcrossNodes(t *testing.T) {
	t.Parallel()
	var r registry
	service := siotest.Service(func(p siotest.Ports) *contract.Catalog { return contract.NewCatalog(r.routes(p.Sockets, p.History)) })
	var urls []string
	for _, n := range siotest.Cluster(t, 2, siotest.Workers(1), service) {
		urls = append(urls, n.URL)
	}
	connect := func(url, user, org string) *rawsio.Client {
		return join(t, url, "/org-"+org, fmt.Sprintf(`{"user":%q,"tenant":%q}`, user, org))
	}
	alice, bob, carol := connect(urls[0], "alice", "7"), connect(urls[1], "bob", "7"), connect(urls[1], "alice", "8")
	want(t, alice.Call("/org-7", "tell", `{"text":"one"}`), `{"namespace":"/org-7","params":{"org":"7"},"sockets":2}`)
	want(t, alice.Expect("/org-7", "told")+bob.Expect("/org-7", "told"), `{"text":"one"}{"text":"one"}`)
	// The same user, key and idempotency key in another is another: nothing is shared.
	want(t, carol.Call("/org-8", "tell", `{"text":"one"}`), `{"namespace":"/org-8","params":{"org":"8"},"sockets":1}`)
	want(t, carol.Expect("/org-8", "told"), `{"text":"one"}`)
	want(t, alice.Call("/org-7", "tell", `{"text":"two"}`), `{"namespace":"/org-7","params":{"org":"7"},"sockets":2,"kept":[{"text":"one"}]}`)
	want(t, bob.Call("/org-7", "pass", `{"text":"8"}`), `{}`)
	want(t, carol.Expect("/org-8", "told"), `{"text":"8"}`)

	if _, refused := carol.TryConnect("/org-7", `{"user":"carol","tenant":"8"}`); !strings.Contains(refused, "carol is not of /org-7") {
		t.Errorf("the guard: %s", refused)
	}
	if _, refused := carol.TryConnect("/org-{org}", ""); !strings.Contains(refused, "Invalid namespace") {
		t.Errorf("the pattern itself: %s", refused)
	}
	other := join(t, urls[0], "/any/thing", `{"user":"dave"}`)
	want(t, other.Call("/any/thing", "show", `{}`), `{"namespace":"/any/thing","sockets":0}`)
	wantCode(t, other.Call("/any/thing", "stray", `{"text":"x"}`), fault.Internal)
	alice.Close()
	carol.Close()
	testenv.WaitFor(t, 20*time.Second, "both to be told of", func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return len(r.gone) == 2 && r.gone[0]+r.gone[1] != "77" && r.gone[0] != "" && r.gone[1] != ""
	})
	for _, e := range append(bob.Events(), carol.Events()...) {
		if e.Namespace == "/org-7" && string(e.Payload) != `{"text":"two"}` || e.Namespace == "/org-8" {
			t.Errorf("heard %s %s on %s as well", e.Name, e.Payload, e.Namespace)
		}
	}
}
