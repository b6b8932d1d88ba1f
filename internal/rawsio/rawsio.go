// Package rawsio is a bare Socket.IO client for tests: it speaks Engine.IO 4 over a
// websocket or over polling, says exactly what it is told, also what no real client
// would say, and keeps all that it hears. Every wait has a deadline. Start at Dial.
package rawsio

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// Patience is how long a client waits for anything.
const Patience = 20 * time.Second

// An Event is what the server sent to a namespace.
type Event struct {
	Namespace string
	Name      string
	Payload   json.RawMessage // the arguments, as they were sent; binary data is "binary AQID"
}

// A Client is one Engine.IO connection.
type Client struct {
	Header http.Header // of the answer to a websocket's handshake

	t    testing.TB
	send func(packet string) error
	raw  *websocket.Conn // nil for polling
	quit func()

	writing sync.Mutex // pongs are sent by who reads

	mu      sync.Mutex
	changed chan struct{} // closed and replaced at each change
	sids    map[string]string
	refused map[string]string
	acks    map[string]json.RawMessage // by namespace and id
	gone    map[string]bool            // namespaces that the server has ended
	events  []Event
	heard   []string // Engine.IO packets, for tests of the protocol
	partial *partial // a packet that waits for its attachments
	nextID  int
	closed  error
	left    bool
}

func newClient(t testing.TB) *Client {
	return &Client{
		t: t, changed: make(chan struct{}), sids: map[string]string{}, refused: map[string]string{},
		acks: map[string]json.RawMessage{}, gone: map[string]bool{},
	}
}

// Close ends the connection without saying so.
func (c *Client) Close() {
	c.mu.Lock()
	c.left = true
	c.mu.Unlock()
	c.quit()
}

// Closed tells whether Close was called.
func (c *Client) Closed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.left
}

// Send sends one Engine.IO packet as it is.
func (c *Client) Send(packet string) {
	c.t.Helper()
	if err := c.send(packet); err != nil {
		c.t.Fatalf("send %.60q: %v", packet, err)
	}
}

// TrySend is Send for tests in which the server may have ended the connection.
func (c *Client) TrySend(packet string) error { return c.send(packet) }

func (c *Client) change(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
	close(c.changed)
	c.changed = make(chan struct{})
}

// Until waits until a condition on the client holds; c.mu is held while it is asked.
func (c *Client) until(what string, holds func() bool) {
	c.t.Helper()
	deadline := time.After(Patience)
	for {
		c.mu.Lock()
		ok, changed, closed := holds(), c.changed, c.closed
		c.mu.Unlock()
		if ok {
			return
		}
		if closed != nil {
			c.t.Fatalf("waiting for %s: the connection ended: %v", what, closed)
		}
		select {
		case <-changed:
		case <-deadline:
			c.t.Fatalf("waited %s for %s", Patience, what)
		}
	}
}

// hear takes one Engine.IO packet.
func (c *Client) hear(packet string) {
	if packet == "2" {
		_ = c.send("3") // a connection that has ended meanwhile shows itself elsewhere
		return
	}
	c.change(func() {
		c.heard = append(c.heard, packet)
		if packet = c.whole(packet); len(packet) > 1 && packet[0] == '4' {
			c.message(packet[1], packet[2:])
		}
	})
}

func (c *Client) message(kind byte, rest string) {
	ns := "/"
	if strings.HasPrefix(rest, "/") {
		ns, rest, _ = strings.Cut(rest, ",")
	}
	digits := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
	id, body := rest[:digits], rest[digits:]
	switch kind {
	case '0':
		var v struct{ Sid string }
		_ = json.Unmarshal([]byte(body), &v)
		c.sids[ns] = v.Sid
	case '1':
		c.gone[ns] = true
	case '2':
		var args []json.RawMessage
		var name string
		if json.Unmarshal([]byte(body), &args) == nil && len(args) > 0 && json.Unmarshal(args[0], &name) == nil {
			e := Event{Namespace: ns, Name: name}
			if len(args) > 1 {
				e.Payload = json.RawMessage(values(args[1:]))
			}
			c.events = append(c.events, e)
		}
	case '3':
		c.acks[ns+" "+id] = json.RawMessage(body)
	case '4':
		c.refused[ns] = body
	}
}

// Connect joins a namespace and returns the socket's id. Auth is JSON, "" for none.
func (c *Client) Connect(ns, auth string) string {
	c.t.Helper()
	sid, refused := c.TryConnect(ns, auth)
	if refused != "" {
		c.t.Fatalf("%s refused: %s", ns, refused)
	}
	return sid
}

// TryConnect is Connect for tests of refusals, which it returns as they came.
func (c *Client) TryConnect(ns, auth string) (sid, refused string) {
	c.t.Helper()
	c.Send("40" + ns + "," + auth)
	c.until("CONNECT on "+ns, func() bool { return c.sids[ns] != "" || c.refused[ns] != "" })
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sids[ns], c.refused[ns]
}

// Emit sends an event that wants no acknowledgement.
func (c *Client) Emit(ns, event, payload string) {
	c.t.Helper()
	c.Send(fmt.Sprintf("42%s,[%q,%s]", ns, event, payload))
}

// Begin sends an event and returns the function that waits for its acknowledgement,
// which gives the values in it.
func (c *Client) Begin(ns, event, payload string) (wait func() string) {
	c.t.Helper()
	return c.begin(0, ns, event, payload)
}

func (c *Client) begin(attachments int, ns, event, payload string) (wait func() string) {
	c.t.Helper()
	c.mu.Lock()
	id := strconv.Itoa(c.nextID)
	c.nextID++
	c.mu.Unlock()
	kind := "2"
	if attachments > 0 {
		kind = fmt.Sprintf("5%d-", attachments)
	}
	c.Send(fmt.Sprintf("4%s%s,%s[%q,%s]", kind, ns, id, event, payload))
	return func() string {
		c.t.Helper()
		key := ns + " " + id
		c.until("the acknowledgement of "+event, func() bool { return c.acks[key] != nil })
		c.mu.Lock()
		defer c.mu.Unlock()
		var args []json.RawMessage
		if err := json.Unmarshal(c.acks[key], &args); err != nil {
			c.t.Fatalf("the acknowledgement of %s is %s", event, c.acks[key])
		}
		return values(args)
	}
}

// Call sends an event and waits for its acknowledgement.
func (c *Client) Call(ns, event, payload string) string {
	c.t.Helper()
	return c.Begin(ns, event, payload)()
}
