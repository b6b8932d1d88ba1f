package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/fault"
)

// What is here is by name, and of any shape: for events that no contract declares.

// anyOther is the name for the events that have no handler of their own.
const anyOther = contract.AnyOther

// An Event is what the server sent, as it came.
type Event struct {
	Name        string
	Args        []json.RawMessage // what is binary is {"_placeholder":true,"num":N}
	Attachments [][]byte          // the N-th

	client *Client
	conn   *conn
	ack    int64
	size   int
}

// Decode decodes the first argument.
func (e Event) Decode(into any) error {
	if len(e.Args) == 0 {
		return fmt.Errorf("event %s: %w: it has no argument", e.Name, ErrBadAnswer)
	}
	return decodeValue("event "+e.Name, e.Args[0], into)
}

// Asked tells whether the server waits for Ack.
func (e Event) Asked() bool { return e.ack != noAck }

// Ack answers the event. Answers are of the connection over which they were asked for.
func (e Event) Ack(ctx context.Context, args ...any) error {
	if !e.Asked() {
		return nil
	}
	m, err := encode(packetAck, e.client.namespace, e.ack, args...)
	if err != nil {
		return fmt.Errorf("answer %s: %w", e.Name, err)
	}
	if err := e.conn.send(ctx, m); err != nil {
		return fmt.Errorf("answer %s: %w", e.Name, err)
	}
	return nil
}

// OnRaw is On by name; "*" is for every event that has no handler of its own.
func (c *Client) OnRaw(event string, f func(Event)) (stop func()) {
	h := &handler{f}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.inbox.add(event, h)
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.inbox.remove(event, h)
	}
}

// ReceiveRaw is Receive of whatever comes next and has no handler.
func (c *Client) ReceiveRaw(ctx context.Context) (Event, error) { return c.receive(ctx, "") }

// EmitRaw is Emit by name, with any arguments. A []byte is sent as a binary attachment.
func (c *Client) EmitRaw(ctx context.Context, event string, args ...any) error {
	m, err := encode(packetEvent, c.namespace, noAck, append([]any{event}, args...)...)
	if err == nil {
		err = c.emit(ctx, m)
	}
	if err != nil {
		return fmt.Errorf("emit %s: %w", event, err)
	}
	return nil
}

func (c *Client) emit(ctx context.Context, m message) error {
	ctx, cancel := context.WithTimeout(ctx, c.opts.timeout)
	defer cancel()
	for {
		k, err := c.connected(ctx)
		if err != nil {
			return err
		}
		if err := k.send(ctx, m); !errors.Is(err, errGone) {
			return err
		} // over the next connection
	}
}

// CallRaw is Call by name, with any arguments, and returns what was acknowledged. A
// problem is one of those.
func (c *Client) CallRaw(ctx context.Context, event string, args ...any) ([]json.RawMessage, error) {
	p, err := c.call(ctx, 0, event, args...)
	if err != nil {
		return nil, fmt.Errorf("call %s: %w", event, err)
	}
	return p.args()
}

// CallAs is Call by name: for a command under another name, or one of another service.
func CallAs[Out any](ctx context.Context, c *Client, event string, in any) (Out, error) {
	return callAs[Out](ctx, c, 0, event, in)
}

func decodeValue(what string, b []byte, into any) error {
	if err := json.Unmarshal(b, into); err != nil {
		return fmt.Errorf("%s: %w: %w", what, ErrBadAnswer, err)
	}
	return nil
}

// A Resync tells that events may have been missed, see the README: ask for the state that
// you show.
type Resync struct {
	Rooms  []contract.Room `json:"rooms"`  // none: any
	Reason string          `json:"reason"` // "gap" or "epoch"
}

// OnResync runs f when the server says that events may have been missed.
func (c *Client) OnResync(f func(Resync)) (stop func()) {
	return On(c, contract.Event[Resync]{Name: contract.Resync}, f)
}

// OnError runs f for each problem of what was emitted without a call, a *fault.Fault,
// and for each event that is not of its declared type. Without it the latter are logged.
func (c *Client) OnError(f func(error)) (stop func()) {
	h := &f
	c.mu.Lock()
	c.onError = append(c.onError, h)
	c.mu.Unlock()
	stopEvents := c.OnRaw("error", func(e Event) {
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
	all := c.onError
	c.mu.Unlock()
	if len(all) == 0 {
		slog.Warn("socket.io client", "namespace", c.namespace, "error", err)
	}
	for _, f := range all {
		(*f)(err)
	}
}
