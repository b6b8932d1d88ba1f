package client

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/fault"
)

// What a client is told besides its events, in turn with them.

// OnConnect runs f after each connection. Of the first it hears only if it is registered
// by Handlers.
func (c *Client) OnConnect(f func()) {
	c.notice(&c.onConnect, func(error) { f() })
}

// OnConnectError runs f after each attempt to connect again that failed.
func (c *Client) OnConnectError(f func(error)) { c.notice(&c.onConnectError, f) }

// OnDisconnect runs f when a connection has ended, with why: ErrDisconnected, ErrEnded,
// ErrClosed, ErrOverflow or ErrProtocol. If it is not made again, Err is not nil.
func (c *Client) OnDisconnect(f func(reason error)) { c.notice(&c.onDisconnect, f) }

func (c *Client) notice(list *[]func(error), f func(error)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	*list = append(*list, f)
}

// tell lets notices run when it is their turn. c.mu is held.
func (c *Client) tell(list []func(error), reason error) {
	for _, f := range list {
		c.inbox.tell(item{tell: func() { f(reason) }})
	}
}

// A Resync tells that events may have been missed: ask for the state that you show, see
// docs/clients.md.
type Resync struct {
	Rooms  []contract.Room `json:"rooms"`  // none: any
	Reason string          `json:"reason"` // "gap" or "epoch"
}

// OnResync runs f when the server says that events may have been missed.
func (c *Client) OnResync(f func(Resync)) (stop func()) {
	return on(c, contract.Resync, f)
}

// OnError runs f for each problem of what was emitted without a call, a *fault.Fault,
// and for each event that is not of its declared type. Without it the latter are logged.
func (c *Client) OnError(f func(error)) (stop func()) {
	h := &f
	c.mu.Lock()
	c.onError = append(c.onError, h)
	c.mu.Unlock()
	stopEvents := c.OnRaw("error", func(e Raw) {
		var v json.RawMessage
		if err := e.Decode(&v); err != nil {
			f(err)
			return
		}
		err := fault.Of(v)
		if err == nil { // another server's
			err = fmt.Errorf("the server says: %s", v)
		}
		f(err)
	})
	return func() {
		stopEvents()
		c.mu.Lock()
		defer c.mu.Unlock()
		c.onError = slices.DeleteFunc(slices.Clone(c.onError), func(o *func(error)) bool { return o == h })
	}
}

// fail reports what no caller can be told.
func (c *Client) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.onError) == 0 || len(c.inbox.due) >= c.inbox.maxEvents { // its handlers are too slow
		slog.Warn("socket.io client", "namespace", c.namespace, "error", err)
		return
	}
	for _, f := range c.onError {
		c.inbox.tell(item{tell: func() { (*f)(err) }})
	}
}
