package tests

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/zishang520/engine.io-client-go/engine"
	"github.com/zishang520/engine.io/v2/types"
	sio "github.com/zishang520/socket.io-client-go/socket"

	"github.com/example/switchyard/internal/testenv"
)

const patience = 10 * time.Second

// A goClient is one connection of the Go client, of its own.
type goClient struct {
	t        *testing.T
	socket   *sio.Socket
	manager  *sio.Manager
	refused  chan error
	opened   chan struct{}
	upgraded chan struct{}       // nil where none is to come
	heard    map[string]chan any // by event: the payloads
}

// newGoClient connects as a user, over one transport or over "polling,websocket",
// and does not wait for the answer.
func newGoClient(t *testing.T, transports, url, namespace string, user any) *goClient {
	t.Helper()
	start := &starter{first: transports, name: transports, ready: make(chan struct{}), writable: make(chan struct{})}
	if first, last, upgrades := strings.Cut(transports, ","); upgrades {
		start.first, start.name = first, last
	}
	connection := sio.DefaultManagerOptions()
	connection.SetAutoConnect(false)
	connection.SetReconnection(false)
	connection.SetTransports(types.NewSet[engine.TransportCtor](start))
	as := sio.DefaultSocketOptions()
	as.SetAuth(map[string]any{"user": user})

	c := &goClient{
		t: t, manager: sio.NewManager(url, connection), refused: make(chan error, 1), opened: make(chan struct{}, 1),
		heard: map[string]chan any{"member.joined": make(chan any, 100), "message.posted": make(chan any, 100), "error": make(chan any, 100)},
	}
	c.socket = c.manager.Socket(namespace, as)
	_ = c.socket.On("connect", func(...any) { c.opened <- struct{}{} })
	_ = c.socket.On("connect_error", func(errs ...any) { c.refused <- errs[0].(error) })
	for event, payloads := range c.heard {
		_ = c.socket.On(types.EventName(event), func(args ...any) { payloads <- args[0] })
	}
	c.socket.Connect()
	e := c.manager.Engine()
	_ = e.On("open", func(...any) {
		<-start.writable
		e.Flush()
	})
	if start.first != start.name {
		c.upgraded = make(chan struct{}, 1)
		_ = e.On("upgrade", func(...any) { c.upgraded <- struct{}{} })
	}
	close(start.ready)
	t.Cleanup(func() { c.socket.Disconnect() })
	return c
}

// connected connects as a user to /chat, and waits for the upgrade where there is one,
// since the client can lose what it sends meanwhile.
//
// Now and then an upgrade never ends, or takes what the node said with it: the client
// listens for the answer to its probe, and for the end of a poll, when each may have
// come already. So this tries again; that a node completes every upgrade and loses
// nothing is shown by the other clients.
func connected(t *testing.T, transports, url, user string) *goClient {
	t.Helper()
	for range 5 {
		c := newGoClient(t, transports, url, "/chat", user)
		if c.upgraded == nil {
			within(t, "the connection", c.opened)
			return c
		}
		over := time.After(patience / 5)
		select {
		case <-c.opened:
		case <-over:
			continue
		}
		select {
		case <-c.upgraded:
			return c
		case <-over:
		}
	}
	t.Fatal("the client did not upgrade")
	return nil
}

// within waits for a value, or fails the test.
func within[T any](t *testing.T, what string, values <-chan T) T {
	t.Helper()
	select {
	case v := <-values:
		return v
	case <-time.After(patience):
		t.Fatalf("waited %s for %s", patience, what)
		panic("unreachable")
	}
}

// call sends a command and returns its acknowledgement.
func (c *goClient) call(event string, payload any) map[string]any {
	c.t.Helper()
	acks := make(chan map[string]any, 1)
	c.socket.EmitWithAck(event, payload)(func(args []any, err error) {
		if err != nil || len(args) != 1 {
			c.t.Errorf("acknowledgement of %s: %v %v", event, args, err)
			args = []any{nil}
		}
		ack, _ := args[0].(map[string]any)
		acks <- ack
	})
	return within(c.t, "the acknowledgement of "+event, acks)
}

func (c *goClient) next(event string) map[string]any {
	c.t.Helper()
	payload, _ := within(c.t, event, c.heard[event]).(map[string]any)
	return payload
}

// A starter gives the client its transports, which are its own, so that these mistakes
// of the client decide nothing here:
//   - it takes the transport to begin with from a map, at random: so it gets one entry,
//     named for the transport to end with;
//   - it opens a transport, and only then listens for the server's first packet: so a
//     transport opens only when everything listens;
//   - when the first packet is read before the websocket counts as writable, what it
//     sends in answer stays in its buffer: so that is flushed.
type starter struct {
	first, name string
	ready       chan struct{} // the first transport may open
	writable    chan struct{} // it is open
}

func (s *starter) Name() string { return s.name }

func (s *starter) New(socket engine.Socket, opts engine.SocketOptionsInterface) engine.Transport {
	name := s.name
	if socket.Id() == "" {
		name = s.first
	}
	opts.Query().Set("transport", name)
	transport := engine.Transport(engine.MakeWebSocket())
	if name == "polling" {
		transport = engine.MakePolling()
	}
	late := &lateTransport{Transport: transport, ready: s.ready}
	late.Prototype(late)
	late.Construct(socket, opts)
	if socket.Id() == "" {
		_ = late.On("open", func(...any) { close(s.writable) })
	}
	return late
}

type lateTransport struct {
	engine.Transport
	ready chan struct{}
}

func (l *lateTransport) DoOpen() {
	select {
	case <-l.ready: // an upgrade: the client wants it done when this returns
		l.Transport.DoOpen()
	default:
		go func() {
			<-l.ready
			l.Transport.DoOpen()
		}()
	}
}

// The nodes are processes of their own, since on polling this client may go without a
// goodbye: a node waits for such a client when it stops, and says so.
func TestGoClient(t *testing.T) {
	t.Parallel()
	url := testenv.Redis(t)
	one, two := launch(t, url, "one").url, launch(t, url, "two").url
	for _, transports := range []string{"websocket", "polling", "polling,websocket"} {
		t.Run(transports, func(t *testing.T) { talk(t, transports, one, two) })
	}
}

func talk(t *testing.T, transports, one, two string) {
	alice, bob := connected(t, transports, one, "alice"), connected(t, transports, two, "bob")

	room := "go-" + transports
	for _, c := range []*goClient{alice, bob} {
		same(t, c.call("join", map[string]any{"room": room}), map[string]any{"room": room, "joined": true})
	}
	// Each packet is handed on in a goroutine of its own: this client keeps no order,
	// so no test here looks at it.
	joined := []any{alice.next("member.joined")["user"], alice.next("member.joined")["user"]}
	if !cmp.Equal(joined, []any{"alice", "bob"}) && !cmp.Equal(joined, []any{"bob", "alice"}) {
		t.Errorf("joined: %v", joined)
	}

	text := "hello, é 😀"
	posted := alice.call("message", map[string]any{"room": room, "text": text, "client_id": "c1"})
	same(t, posted, map[string]any{"id": posted["id"], "room": room, "at": posted["at"]})
	for _, c := range []*goClient{alice, bob} {
		same(t, c.next("message.posted"), map[string]any{
			"id": posted["id"], "room": room, "from": "alice", "text": text, "at": posted["at"], "client_id": "c1",
		})
	}

	// Problems: as the acknowledgement, or as an event when none was asked for.
	problem := alice.call("message", map[string]any{"room": room})
	same(t, problem["kind"], any("error"))
	same(t, problem["errors"], any([]any{map[string]any{"pointer": "/text", "detail": "is required"}}))
	if err := alice.socket.Emit("join", map[string]any{"room": "staff-only"}); err != nil {
		t.Error(err)
	}
	same(t, alice.next("error")["code"], any("forbidden"))

}

// A refusal comes as connect_error, with the problem as data. Not while the client
// upgrades: see connected.
func TestGoClientRefused(t *testing.T) {
	t.Parallel()
	url := launch(t, "", "one").url
	for _, transports := range []string{"websocket", "polling"} {
		t.Run(transports, func(t *testing.T) {
			var refusal *sio.ExtendedError
			err := within(t, "the refusal", newGoClient(t, transports, url, "/chat", 7).refused)
			if !errors.As(err, &refusal) {
				t.Fatalf("refused with %v", err)
			}
			data, _ := refusal.Data.(map[string]any)
			same(t, []any{refusal.Message, data["status"]}, []any{"unauthenticated", 401.0})
			// Of a namespace that does not exist nothing but a message is said. This client
			// wants data too, and reports an error of its own.
			within(t, "the refusal", newGoClient(t, transports, url, "/nothing", "alice").refused)
		})
	}
}

func same[T any](t *testing.T, got, want T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
