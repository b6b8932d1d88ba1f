package client_test

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gorilla/websocket"

	"github.com/example/switchyard/transport/socketio/client"
)

// Whoever does not receive loses the oldest, and is told.
func TestKeptEventsAreBounded(t *testing.T) {
	t.Parallel()
	c := dial(t, serve(t, func(p *peer) {
		p.admit()
		for i := range 5 {
			p.say(event("counted", i))
		}
		p.say(event("other", 1))
		p.hear("42/hall,0")
		p.say(`43/hall,0[{}]`)
		p.linger()
	}), client.Buffer(3, 1<<20))
	if _, err := c.CallRaw(soon(t), "everything is said"); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Receive(soon(t), c, counted); !errors.Is(err, client.ErrOverflow) {
		t.Errorf("nobody says that events are missing: %v", err)
	}
	for _, want := range []int{3, 4} {
		if n, err := client.Receive(soon(t), c, counted); err != nil || n != want {
			t.Errorf("%d %v, want %d", n, err, want)
		}
	}
	if n, err := client.Receive(soon(t), c, other); err != nil || n != 1 {
		t.Error(n, err)
	}
}

// Handlers that are too slow cost the connection, not memory and not silence.
func TestSlowHandlersAreNoticed(t *testing.T) {
	t.Parallel()
	release, reasons := make(chan struct{}), make(chan error, 1)
	flood := func(p *peer) {
		defer close(release) // when the client has gone
		p.admit()
		for i := range 10 {
			p.say(event("counted", i))
		}
		p.linger()
	}
	var heard atomic.Int64
	dial(t, serve(t, flood, func(p *peer) { p.admit(); p.linger() }), client.Buffer(3, 1<<20), client.Handlers(func(c *client.Client) {
		client.On(c, counted, func(int) { heard.Add(1); <-release })
		c.OnDisconnect(func(err error) { reasons <- err })
		c.OnConnect(func() {
			if heard.Load() > 0 {
				reasons <- nil
			}
		})
	}))
	err := within(t, "the reason", reasons)
	if !errors.Is(err, client.ErrOverflow) || !errors.Is(err, client.ErrDisconnected) {
		t.Errorf("ended with %v", err)
	}
	if err := within(t, "the next connection", reasons); err != nil {
		t.Errorf("ended again: %v", err)
	}
}

// Whatever a server says, the client neither panics nor keeps it.
func TestHostileServers(t *testing.T) {
	t.Parallel()
	for _, frame := range []string{
		"", "4", "42", "42/hall", "42/hall,", "42/hall,{}", "42/hall,[]", "42/hall,[1]", `42/hall,["x"`, "42/hall,999999999999999999[]",
		"45/hall,[]", "459999-/hall,[]", "451/hall,[]", `451-/hall,["x"]` + "\x00", "48/hall,[]", "4x", `40/hall,[]`,
		`42/hall,0["x"]`, `43/hall,["x"]`, `43/hall,0`, "43/hall,0{}", `44/hall,`, `41/nowhere,`, "6", "3probe", "9", "0{}", "\xff\xfe", strings.Repeat("[", 100_000),
		"42/hall," + strings.Repeat("[", 20_000), `42/hall,["x",` + strings.Repeat(" ", 2<<20) + `1]`,
	} {
		first := func(p *peer) {
			p.admit()
			p.say(frame)
			p.say("42/hall,[\"file\"]")
			_ = p.ws.WriteMessage(websocket.BinaryMessage, []byte("no packet's"))
			p.linger()
		}
		second := func(p *peer) { p.admit(); p.say(event("counted", 1)); p.linger() }
		c := dial(t, serve(t, first, second), client.Buffer(16, 1<<20))
		if n, err := client.Receive(soon(t), c, counted); err != nil || n != 1 {
			t.Errorf("after %.40q: %v", frame, err)
		}
		c.Close()
	}
	for _, hello := range []string{"", "0", "0{}", "0[]", `1`, `40`, "hello", strings.Repeat("0", 2<<20)} {
		url := serve(t, func(p *peer) { p.say(hello) })
		_, err := client.Dial(soon(t), url, hall, client.Buffer(16, 1<<20))
		if !errors.Is(err, client.ErrProtocol) && !errors.Is(err, client.ErrUnreachable) {
			t.Errorf("%.20q: %v", hello, err)
		}
	}
}
