package client_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/testenv"
	"github.com/example/switchyard/transport/socketio/client"
)

// patience is how long a test waits for what must come.
const patience = 10 * testenv.Late

var hall = contract.Namespace{Name: "/hall", Doc: "A namespace."}

// A peer is a server's side of one connection: it says what the test tells it to, also
// what no server would.
type peer struct {
	t      *testing.T
	ws     *websocket.Conn
	header http.Header
}

// serve is a server that has these conversations, one after the other, and then is
// unavailable.
func serve(t *testing.T, conversations ...func(*peer)) string {
	t.Helper()
	var next atomic.Int64
	up := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := int(next.Add(1)) - 1
		if n >= len(conversations) {
			http.Error(w, "enough", http.StatusServiceUnavailable)
			return
		}
		ws, err := up.Upgrade(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		defer ws.Close()
		conversations[n](&peer{t, ws, r.Header})
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// open says what a server says first.
func (p *peer) open() {
	p.say(`0{"sid":"e1","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":100000}`)
}

// admit opens a connection and lets the client into /hall.
func (p *peer) admit() (auth string) {
	p.open()
	auth = p.hear("40/hall,")
	p.say(`40/hall,{"sid":"s1"}`)
	return auth
}

// say sends one packet. That a client has gone shows itself elsewhere.
func (p *peer) say(packet string) { _ = p.ws.WriteMessage(websocket.TextMessage, []byte(packet)) }

// hear waits for a packet that begins so, and returns the rest.
func (p *peer) hear(prefix string) string {
	_ = p.ws.SetReadDeadline(time.Now().Add(patience))
	_, b, err := p.ws.ReadMessage()
	rest, ok := strings.CutPrefix(string(b), prefix)
	if (err != nil || !ok) && p.t.Context().Err() == nil { // a test that is over closes its client
		p.t.Errorf("heard %q %v, want %s…", b, err, prefix)
	}
	return rest
}

// linger reads until the client goes.
func (p *peer) linger() {
	_ = p.ws.SetReadDeadline(time.Now().Add(2 * patience))
	for {
		if _, _, err := p.ws.ReadMessage(); err != nil {
			return
		}
	}
}

// soon is a context that ends a test that hangs.
func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// quick connects again at once.
var quick = client.Reconnect(client.Reconnection{Delay: time.Millisecond, MaxDelay: 10 * time.Millisecond})

func dial(t *testing.T, url string, opts ...client.Option) *client.Client {
	t.Helper()
	c, err := client.Dial(soon(t), url, hall, append([]client.Option{quick}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// within waits for a value.
func within[T any](t *testing.T, what string, values <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-values:
	case <-time.After(patience):
		t.Fatalf("waited %s for %s", patience, what)
	}
	return v
}

func event(name string, n int) string { return fmt.Sprintf(`42/hall,[%q,%d]`, name, n) }
