package client_test

import (
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/transport/socketio/client"
)

// three attempts to connect again, and no more.
var three = client.Reconnect(client.Reconnection{Attempts: 3, Delay: time.Millisecond, MaxDelay: 2 * time.Millisecond})

const notNow = `{"message":"unavailable","data":{"kind":"error","code":"unavailable","detail":"not now"}}`

// cut ends a connection before the server has let anybody in.
func cut(p *peer) {
	p.open()
	p.hear("40/hall,")
}

// Whatever makes them fail, attempts in a row are counted, and each is told.
func TestAttemptsAreBounded(t *testing.T) {
	t.Parallel()
	gone := func(*peer) {}
	refuse := func(p *peer) {
		p.open()
		for { // on one connection
			if _, _, err := p.ws.ReadMessage(); err != nil {
				return
			}
			p.say("44/hall," + notNow)
		}
	}
	unavailable := fault.New(fault.Unavailable, "")
	for name, test := range map[string]struct {
		again []func(*peer)
		want  []error
	}{
		"lost before the answer": {slices.Repeat([]func(*peer){cut}, 9), slices.Repeat([]error{client.ErrDisconnected}, 3)},
		"not let in":             {[]func(*peer){refuse}, slices.Repeat([]error{unavailable}, 3)},
		"one of each":            {[]func(*peer){gone, cut, refuse}, []error{client.ErrUnreachable, client.ErrDisconnected, unavailable}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			failed := make(chan error, 100)
			in := func(p *peer) { p.admit() }
			// Who comes in begins to count anew.
			c := dial(t, serve(t, append([]func(*peer){in, cut, cut, in}, test.again...)...), three, client.Handlers(func(c *client.Client) {
				c.OnConnectError(func(err error) { failed <- err })
			}))
			within(t, "the end", c.Done())
			for i, want := range append(slices.Repeat([]error{client.ErrDisconnected}, 2), test.want...) {
				if err := within(t, "a failure", failed); !errors.Is(err, want) {
					t.Errorf("attempt %d failed with %v, want %v", i, err, want)
				}
			}
			if last := test.want[2]; !errors.Is(c.Err(), last) || len(failed) > 0 {
				t.Errorf("ended with %v, want %v, and tried %d times more", c.Err(), last, len(failed))
			}
		})
	}
}

// A namespace that nobody is let into again ends, and no other one does.
func TestAttemptsAreOfOneNamespace(t *testing.T) {
	t.Parallel()
	leave := make(chan struct{})
	c := dial(t, serve(t, func(p *peer) {
		p.admit()
		p.hear("40/room,")
		p.say(`40/room,{"sid":"r1"}`)
		<-leave
	}, func(p *peer) {
		p.open()
		for { // both come, in any order, and one of them again
			_, b, err := p.ws.ReadMessage()
			switch {
			case err != nil:
				return
			case string(b) == "40/hall,":
				p.say(`40/hall,{"sid":"s2"}`)
			case string(b) == "40/room,":
				p.say("44/room," + notNow)
			case string(b) == `42/hall,["there"]`:
				p.say(event("counted", 1))
			}
		}
	}), three)
	other, err := c.Of(soon(t), room)
	if err != nil {
		t.Fatal(err)
	}
	close(leave)
	within(t, "the end of /room", other.Done())
	if !errors.Is(other.Err(), fault.New(fault.Unavailable, "")) {
		t.Error(other.Err())
	}
	if err := c.EmitRaw(soon(t), "there"); err != nil {
		t.Error(err)
	}
	if _, err := client.Receive(soon(t), c, counted); err != nil {
		t.Error(err)
	}
}

// Dial makes one attempt, and says at once how it failed; or more, if it is told to.
func TestDialTriesOnce(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		first func(*peer)
		want  error
	}{
		"lost before the answer": {cut, client.ErrDisconnected},
		"lost after a refusal":   {func(p *peer) { cut(p); p.say("44/hall," + notNow) }, fault.New(fault.Unavailable, "")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var opened atomic.Int64
			first := func(p *peer) { opened.Add(1); test.first(p) }
			_, err := client.Dial(soon(t), serve(t, slices.Repeat([]func(*peer){first}, 99)...), hall)
			if n := opened.Load(); n != 1 || !errors.Is(err, test.want) {
				t.Errorf("%d connections, and then: %v", n, err)
			}
			again := client.Reconnect(client.Reconnection{Dial: true, Attempts: 1, Delay: time.Millisecond})
			c, err := client.Dial(soon(t), serve(t, test.first, test.first, func(p *peer) { p.admit(); p.linger() }), hall, again)
			if err != nil {
				t.Fatal(err)
			}
			c.Close()
		})
	}
}
