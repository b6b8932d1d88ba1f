package parity

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/internal/rawsio"
	"github.com/example/switchyard/internal/testenv"
)

type ticket struct {
	Row   int      `json:"row"`
	Agent string   `json:"agent"`
	Calls int      `json:"calls"`
	Seen  []string `json:"seen"`
}

// A theatre lets in who has a ticket, and keeps it in the session.
type theatre struct {
	mu    sync.Mutex
	gone  []string
	asked []contract.Connecting
}

var (
	hall = contract.Namespace{Name: "/hall", Doc: "A hall.", OnConnect: "hall.enter", OnDisconnect: "hall.exit"}
	held = contract.Session[ticket]{Name: "ticket"}
	bell = contract.Event[text]{Namespace: hall, Name: "bell", Doc: "It rings."}

	enter = contract.Command[contract.Connecting, contract.None]{
		Namespace: hall, Operation: "hall.enter", Internal: true, Doc: "Let somebody in.", Raises: []contract.EventSpec{bell.Spec()},
	}
	exit = contract.Command[contract.Disconnected, contract.None]{Namespace: hall, Operation: "hall.exit", Internal: true, Doc: "Somebody went."}
	show = contract.Command[contract.None, ticket]{Namespace: hall, Event: "show", Operation: "hall.show", Doc: "Show the ticket."}
	tear = contract.Command[contract.None, contract.None]{Namespace: hall, Event: "tear", Operation: "hall.tear", Doc: "Tear the ticket."}
	ring = contract.Command[text, contract.None]{Namespace: hall, Event: "ring", Operation: "hall.ring", Doc: "Ring.", Raises: []contract.EventSpec{bell.Spec()}}
	out  = contract.Command[contract.None, contract.None]{Namespace: hall, Event: "out", Operation: "hall.out", Doc: "Be thrown out."}
)

func (th *theatre) routes() []contract.Route {
	return []contract.Route{
		enter.Handle(th.enter), exit.Handle(th.exit), show.Handle(th.show),
		tear.Handle(func(context.Context, contract.None) (contract.None, []contract.Effect, error) {
			return contract.None{}, []contract.Effect{held.Clear()}, nil
		}),
		ring.Handle(func(_ context.Context, in text) (contract.None, []contract.Effect, error) {
			return contract.None{}, []contract.Effect{bell.Of(in).To("row 7")}, nil
		}),
		out.Handle(func(ctx context.Context, _ contract.None) (contract.None, []contract.Effect, error) {
			return contract.None{}, []contract.Effect{contract.Disconnect(contract.CallerFrom(ctx).Socket, "enough")}, nil
		}),
	}
}

func (th *theatre) enter(ctx context.Context, c contract.Connecting) (contract.None, []contract.Effect, error) {
	th.mu.Lock()
	th.asked = append(th.asked, c)
	th.mu.Unlock()
	var auth struct{ Row int }
	if err := json.Unmarshal(c.Auth, &auth); err != nil || auth.Row == 0 {
		return contract.None{}, nil, fault.New(fault.Forbidden, "no ticket").With(map[string]string{"buy": "at the door"})
	}
	row := contract.Room(fmt.Sprint("row ", auth.Row))
	return contract.None{}, []contract.Effect{
		held.Set(ticket{Row: auth.Row, Agent: strings.Join(c.Header["X-Agent"], "")}), contract.Join(row),
		bell.Of(text{Text: "welcome"}).ToCaller(),
	}, nil
}

func (th *theatre) exit(ctx context.Context, d contract.Disconnected) (contract.None, []contract.Effect, error) {
	th.mu.Lock()
	defer th.mu.Unlock()
	th.gone = append(th.gone, contract.CallerFrom(ctx).UserID+": "+string(d.Reason))
	return contract.None{}, nil, nil
}

func (th *theatre) show(ctx context.Context, _ contract.None) (ticket, []contract.Effect, error) {
	t, ok, err := held.From(ctx)
	if err != nil || !ok {
		return t, nil, fault.New(fault.NotFound, "no ticket (%v)", err)
	}
	t.Calls++
	c := contract.CallerFrom(ctx)
	t.Seen = []string{c.UserID, c.Tenant, c.Namespace, c.Operation, c.Node}
	return t, []contract.Effect{held.Set(t)}, nil
}

func (th *theatre) left() string {
	th.mu.Lock()
	defer th.mu.Unlock()
	return strings.Join(th.gone, ", ")
}

// The use case decides who comes in, on another node; rooms, session and events of that
// are there before the client is told.
func TestAUseCaseLetsSocketsInAndSessionsCrossNodes(t *testing.T) {
	t.Parallel()
	th := &theatre{}
	url := serve(t, 1, func() *contract.Catalog { return contract.NewCatalog(th.routes()) })[0]
	_, refused := rawsio.Dial(t, url).TryConnect("/hall", `{"user":"zoe"}`)
	if !strings.Contains(refused, `"message":"forbidden"`) || !strings.Contains(refused, `"context":{"buy":"at the door"}`) {
		t.Errorf("refused with %s", refused)
	}
	alice := rawsio.Dial(t, url, map[string][]string{"X-Agent": {"teapot"}, "Cookie": {"secret=1"}, "Authorization": {"Bearer secret"}})
	alice.Connect("/hall", `{"user":"alice","tenant":"acme","row":7,"token":"secret"}`)
	want(t, alice.Expect("/hall", "bell"), `{"text":"welcome"}`)
	bob := join(t, url, "/hall", `{"user":"bob","row":7}`)
	want(t, bob.Expect("/hall", "bell"), `{"text":"welcome"}`)
	for i := 1; i <= 2; i++ { // each sees what the one before has set
		want(t, alice.Call("/hall", "show", `{}`), fmt.Sprintf(`{"row":7,"agent":"teapot","calls":%d,"seen":["alice","acme","/hall","hall.show","gateway1"]}`, i))
	}
	want(t, bob.Call("/hall", "show", `{}`), `{"row":7,"agent":"","calls":1,"seen":["bob","","/hall","hall.show","gateway1"]}`)
	want(t, alice.Call("/hall", "tear", `{}`), `{}`)
	wantCode(t, alice.Call("/hall", "show", `{}`), fault.NotFound)
	want(t, bob.Call("/hall", "ring", `{"text":"hush"}`), `{}`)
	want(t, alice.Expect("/hall", "bell"), `{"text":"hush"}`)
	for _, c := range th.asked {
		if all, _ := json.Marshal(c); strings.Contains(string(all), "secret") || c.Address == "" || c.Query["EIO"][0] != "4" {
			t.Errorf("was asked with %s", all)
		}
	}
}

// Each end of a connection is told once, with its reason; who was refused is not.
func TestDisconnectsAreToldWithTheirReasons(t *testing.T) {
	t.Parallel()
	th := &theatre{}
	url := serve(t, 1, func() *contract.Catalog { return contract.NewCatalog(th.routes()) })[0]
	told := func(reason contract.Reason, end func(*rawsio.Client)) {
		t.Helper()
		rawsio.Dial(t, url).TryConnect("/hall", `{"user":"nobody"}`)
		before := th.left()
		c := join(t, url, "/hall", `{"user":"alice","row":1}`)
		end(c)
		testenv.WaitFor(t, 20*time.Second, string(reason), func() bool { return th.left() != before })
		if got := strings.TrimPrefix(strings.TrimPrefix(th.left(), before), ", "); got != "alice: "+string(reason) {
			t.Errorf("told %q, want %q", got, reason)
		}
	}
	told(contract.ClientDisconnect, func(c *rawsio.Client) { c.Send("41/hall,") })
	told(contract.ServerDisconnect, func(c *rawsio.Client) { c.Emit("/hall", "out", `{}`) })
	told(contract.TransportClose, func(c *rawsio.Client) { c.Close() })
	told(contract.ForcedClose, func(c *rawsio.Client) { c.SendBinary([]byte("nothing has announced this")) })
}
