package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/example/switchyard/internal/contract"
)

// What is here is by name, and of any shape: for events that no contract declares.

// anyOther is the name for the events that have no handler of their own.
const anyOther = contract.AnyOther

// A Raw is what the server sent, as it came: an event, or what it acknowledged.
type Raw struct {
	Name        string
	Args        []json.RawMessage // what is binary is {"_placeholder":true,"num":N}
	Attachments [][]byte          // the N-th

	client *Client
	conn   *conn
	ack    int64
	size   int
	place  int  // in the order of events
	begun  bool // it was taken at once, and is due to others beside that
}

// Decode decodes the first argument; what is binary in it goes into []byte.
func (e Raw) Decode(into any) error {
	return decodeArgs("event "+e.Name, e.Args, e.Attachments, into)
}

// Asked tells whether the server waits for Ack.
func (e Raw) Asked() bool { return e.ack != noAck }

// Ack answers the event. Answers are of the connection over which they were asked for.
func (e Raw) Ack(ctx context.Context, args ...any) error {
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
func (c *Client) OnRaw(event string, f func(Raw)) (stop func()) {
	return c.handle(event, &handler{handle: f})
}

func (c *Client) handle(event string, h *handler) (stop func()) {
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
func (c *Client) ReceiveRaw(ctx context.Context) (Raw, error) { return c.receive(ctx, "") }

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

// CallRaw is Call by name, with any arguments, and returns what was acknowledged: a
// problem too is an answer here.
func (c *Client) CallRaw(ctx context.Context, event string, args ...any) (Raw, error) {
	p, err := c.call(ctx, 0, event, args...)
	if err == nil {
		r := Raw{Name: event, Attachments: p.attachments, ack: noAck}
		if r.Args, err = p.args(); err == nil {
			return r, nil
		}
	}
	return Raw{}, fmt.Errorf("call %s: %w", event, err)
}

// CallAs is Call by name: for a command under another name, or one of another service.
func CallAs[Out any](ctx context.Context, c *Client, event string, in any) (Out, error) {
	return callAs[Out](ctx, c, 0, event, in)
}
