package client_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/transport/socketio/client"
)

func TestConnectsAgain(t *testing.T) {
	t.Parallel()
	auths := make(chan string, 2)
	again := make(chan struct{})
	url := serve(t, func(p *peer) {
		auths <- p.admit()
		p.say(event("other", 1))
		p.hear(`42/hall,0["square"`) // and no answer
	}, func(p *peer) {
		p.open()
		p.hear("40/hall,")
		p.say(`44/hall,{"message":"unavailable","data":{"kind":"error","code":"unavailable","detail":"not now"}}`)
		auths <- p.hear("40/hall,") // on the same connection
		<-again
		p.say(`40/hall,{"sid":"s2"}`)
		p.hear(`42/hall,1["square"`)
		p.say(`43/hall,1[{"n":4}]`)
		p.say(event("counted", 7))
		p.linger()
	})
	var asked atomic.Int64
	var told []string
	tell := func(s string) { told = append(told, s) } // handlers run one at a time
	connected := make(chan struct{}, 2)
	c := dial(t, url, client.AuthFunc(func(context.Context) (any, error) {
		return map[string]int64{"attempt": asked.Add(1)}, nil
	}), client.Handlers(func(c *client.Client) {
		c.OnConnect(func() { tell("connected"); connected <- struct{}{} })
		c.OnDisconnect(func(err error) { tell(fmt.Sprint("lost ", errors.Is(err, client.ErrDisconnected))) })
		c.OnConnectError(func(err error) {
			tell(fmt.Sprint("failed ", errors.Is(err, fault.New(fault.Unavailable, ""))))
		})
	}))
	if n, err := client.Receive(soon(t), c, other); err != nil || n != 1 || c.ID() != "s1" || c.Transport() != client.WebSocket {
		t.Error(n, err, c.ID(), c.Transport())
	}
	if _, err := client.Call(soon(t), c, square, number{1}); !errors.Is(err, client.ErrDisconnected) || errors.Is(err, client.ErrNotSent) {
		t.Errorf("under way when the connection was lost: %v", err)
	}
	within(t, "the auth", auths)
	if auth := within(t, "the auth", auths); auth != `{"attempt":3}` {
		t.Errorf("auth is not asked for anew: %s", auth)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := client.Emit(ctx, c, square, number{1}); !errors.Is(err, client.ErrNotSent) || !errors.Is(err, context.Canceled) {
		t.Errorf("meanwhile, and given up: %v", err)
	}
	close(again)
	if out, err := client.Call(soon(t), c, square, number{2}); err != nil || out.N != 4 || c.ID() != "s2" {
		t.Error(out, err, c.ID())
	}
	if n, err := client.Receive(soon(t), c, counted); err != nil || n != 7 {
		t.Error(n, err)
	}
	within(t, "the first connection", connected)
	within(t, "the second one", connected)
	if diff := cmp.Diff([]string{"connected", "lost true", "failed true", "connected"}, told); diff != "" {
		t.Error(diff)
	}
}

// Dial too tries again, if it is told to: while nobody is there, and while a refusal says
// that it may pass.
func TestDialTriesAgain(t *testing.T) {
	t.Parallel()
	gone := func(p *peer) {}
	url := serve(t, gone, gone, func(p *peer) {
		p.open()
		p.hear("40/hall,")
		p.say(`44/hall,{"message":"overloaded","data":{"kind":"error","code":"overloaded","retry_after_ms":1}}`)
		p.hear("40/hall,")
		p.say(`40/hall,{"sid":"s1"}`)
		p.linger()
	})
	c := dial(t, url, client.Reconnect(client.Reconnection{Dial: true, Delay: time.Millisecond, MaxDelay: 10 * time.Millisecond}))
	if c.ID() != "s1" {
		t.Errorf("the socket %q", c.ID())
	}
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := client.Dial(short, serve(t), hall, client.Reconnect(client.Reconnection{Dial: true, Delay: time.Millisecond}))
	if !errors.Is(err, client.ErrUnreachable) && !errors.Is(err, client.ErrTimeout) {
		t.Errorf("until the context ends: %v", err)
	}
}

// What ends a client for good, and what it says then.
func TestEnds(t *testing.T) {
	t.Parallel()
	cut := func(p *peer) { p.admit() }
	off := client.Reconnect(client.Reconnection{Off: true})
	for name, test := range map[string]struct {
		url  string
		opts []client.Option
		want error
	}{
		"the server ends the socket": {serve(t, func(p *peer) { p.admit(); p.say("41/hall,"); p.linger() }), nil, client.ErrEnded},
		"no reconnection":            {serve(t, cut), []client.Option{off}, client.ErrDisconnected},
		"too many attempts": {serve(t, cut), []client.Option{
			client.Reconnect(client.Reconnection{Attempts: 3, Delay: time.Millisecond, Jitter: -1}),
		}, client.ErrUnreachable},
		"refused when it comes back": {serve(t, cut, func(p *peer) {
			p.open()
			p.hear("40/hall,")
			p.say(`44/hall,{"message":"unauthenticated","data":{"kind":"error","code":"unauthenticated"}}`)
			p.linger()
		}), nil, fault.New(fault.Unauthenticated, "")},
		"silence": {serve(t, func(p *peer) {
			p.say(`0{"sid":"e1","pingInterval":20,"pingTimeout":20}`)
			p.hear("40/hall,")
			p.say(`40/hall,{"sid":"s1"}`)
			p.linger()
		}), []client.Option{off}, client.ErrDisconnected},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reasons := make(chan error, 1)
			c := dial(t, test.url, append(test.opts, client.Handlers(func(c *client.Client) {
				c.OnDisconnect(func(err error) { reasons <- err })
			}))...)
			within(t, "the end", c.Done())
			if !errors.Is(c.Err(), test.want) {
				t.Errorf("ended with %v, want %v", c.Err(), test.want)
			}
			if err := within(t, "the reason", reasons); !errors.Is(err, client.ErrDisconnected) && !errors.Is(err, client.ErrEnded) {
				t.Errorf("told %v", err)
			}
			_, err := client.Call(soon(t), c, square, number{1})
			if !errors.Is(err, test.want) || !errors.Is(err, client.ErrNotSent) {
				t.Errorf("a call afterwards: %v", err)
			}
			if _, err := client.Receive(soon(t), c, counted); !errors.Is(err, test.want) {
				t.Errorf("receive afterwards: %v", err)
			}
			if _, err := c.Of(soon(t), contract.Namespace{Name: "/more"}); !errors.Is(err, client.ErrNotSent) {
				t.Errorf("another namespace afterwards: %v", err)
			}
		})
	}
}

// A namespace that the server ends takes no other one with it.
func TestNamespacesOfOneConnection(t *testing.T) {
	t.Parallel()
	more := contract.Namespace{Name: "/more"}
	c := dial(t, serve(t, func(p *peer) {
		p.admit()
		p.hear(`40/more,{"user":"b"}`)
		p.say(`40/more,{"sid":"m1"}`)
		p.say("41/hall,")
		p.say(`42/more,["counted",1]`)
		p.hear(`42/more,["done"]`)
		p.hear("41/more,")
		p.linger()
	}))
	if _, err := c.Of(soon(t), hall); !errors.Is(err, client.ErrBadNamespace) {
		t.Errorf("a second client of a namespace: %v", err)
	}
	d, err := c.Of(soon(t), more, client.Auth(map[string]string{"user": "b"}))
	if err != nil {
		t.Fatal(err)
	}
	within(t, "the end of /hall", c.Done())
	if e, err := d.ReceiveRaw(soon(t)); err != nil || e.Name != "counted" || d.ID() != "m1" {
		t.Error(e, err, d.ID())
	}
	if err := d.EmitRaw(soon(t), "done"); err != nil {
		t.Error(err)
	}
	d.Close() // after what was sent
	if _, err := d.ReceiveRaw(soon(t)); !errors.Is(err, client.ErrClosed) {
		t.Error(err)
	}
}

// Connections that break all the time lose no call without saying so, and answer none
// with another one's answer.
func TestCallsOverConnectionsThatBreak(t *testing.T) {
	t.Parallel()
	var served atomic.Int64
	flaky := func(p *peer) {
		p.admit()
		for range 20 {
			_ = p.ws.SetReadDeadline(time.Now().Add(patience))
			_, b, err := p.ws.ReadMessage()
			var id, n int
			if err != nil {
				return
			}
			if _, err := fmt.Sscanf(string(b), `42/hall,%d["square",{"n":%d}]`, &id, &n); err != nil {
				return // it leaves
			}
			served.Add(1)
			p.say(fmt.Sprintf(`43/hall,%d[{"n":%d}]`, id, n*n))
		}
	}
	c := dial(t, serve(t, slices.Repeat([]func(*peer){flaky}, 1000)...))
	var wg sync.WaitGroup
	var answered, lost atomic.Int64
	for worker := range 8 {
		wg.Go(func() {
			for i := range 50 {
				n := worker*1000 + i
				out, err := client.Call(soon(t), c, square, number{n})
				switch {
				case err == nil && out.N == n*n:
					answered.Add(1)
				case errors.Is(err, client.ErrDisconnected):
					lost.Add(1)
				default:
					t.Errorf("%d squared is %d: %v", n, out.N, err)
				}
			}
		})
	}
	wg.Wait()
	if answered.Load() > served.Load() || answered.Load() == 0 || answered.Load()+lost.Load() != 400 {
		t.Errorf("%d served, %d answered, %d lost", served.Load(), answered.Load(), lost.Load())
	}
}
