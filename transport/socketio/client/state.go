package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// How a client comes in, what it hears, and how it goes. Over each connection it tries, and
// asks by CONNECT; the attempt is settled when it arrives or is refused, see link.refused. It
// loses the connection, and tries over the next one (attempts.go), until its end, or leaves.

// hear takes a packet of the namespace. An error ends the connection.
func (c *Client) hear(k *conn, p *packet) error {
	switch p.kind {
	case packetConnect:
		var v struct{ SID string }
		if err := json.Unmarshal(p.body, &v); err != nil || v.SID == "" {
			return fmt.Errorf("%w: a CONNECT without an id (is it protocol 5?)", ErrProtocol)
		}
		c.arrive(k, v.SID)
	case packetConnectError:
		var v struct {
			Message string
			Data    json.RawMessage
		}
		_ = json.Unmarshal(p.body, &v) // whatever it says, it is a refusal
		refusal := &Refusal{Namespace: c.namespace, Message: v.Message, Data: v.Data}
		c.link.refused(k, c, refusal) // here, because the connection may end right after that
		c.answered(refusal)
	case packetDisconnect:
		if c.isOn(k) { // or it ends a socket that was here before
			go c.link.forget(c, ErrEnded)() // at once; what it returns waits for this goroutine, and needs another
		}
	case packetEvent:
		e, err := p.event()
		if err != nil {
			return err
		}
		return c.event(k, e)
	case packetAck:
		c.resolve(p)
	}
	return nil
}

// isOn tells whether the client is connected over a connection.
func (c *Client) isOn(k *conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.conn == k
}

func (c *Client) event(k *conn, e Raw) error {
	e.client, e.conn = c, k
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn != k || c.err != nil {
		return nil // not before it is connected, and not after its end
	}
	return c.inbox.put(e)
}

// ask sends CONNECT and waits for what the server says to it, if it does.
func (c *Client) ask(k *conn) (said bool, err error) {
	ctx, cancel := context.WithTimeout(k.ctx, c.opts.timeout)
	defer cancel()
	auth, err := c.opts.auth(ctx)
	if err != nil {
		return false, fmt.Errorf("connect to %s: ask for auth: %w", c.namespace, err)
	}
	m := message{text: head(packetConnect, c.namespace, noAck, 0)}
	if auth != nil {
		b, err := json.Marshal(auth)
		if err != nil {
			return false, fmt.Errorf("connect to %s: encode auth: %w", c.namespace, err)
		}
		m.text = append(m.text, b...)
	}
	if !c.asks(k) {
		return false, ErrClosed // meanwhile
	}
	select {
	case <-c.joined: //nolint:errcheck // the answer of another connection
	default:
	}
	if err := k.send(ctx, m); err != nil {
		return false, fmt.Errorf("connect to %s: %w", c.namespace, err)
	}
	select {
	case err := <-c.joined:
		return true, err
	case <-ctx.Done():
		err := fmt.Errorf("connect to %s: %w", c.namespace, late(ctx))
		k.fail(err) // it cannot be asked twice
		return false, err
	}
}

// arrive notes that the server has let the client in.
func (c *Client) arrive(k *conn, id string) {
	c.mu.Lock()
	c.asking = nil
	if c.err == nil && !c.left && c.conn == nil {
		c.conn, c.id, c.trying, c.misses = k, id, nil, 0
		c.link.in.Store(true)
		c.link.attempts.Store(0)
		close(c.up)
		if !c.wasIn() {
			close(c.in)
		}
		c.tell(c.onConnect, nil)
	}
	c.mu.Unlock()
	c.answered(nil)
}

// asks notes that the server is asked to let the client in; false means that it or the
// connection has gone.
func (c *Client) asks(k *conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left || c.err != nil || c.trying != k {
		return false
	}
	c.asking = k
	return true
}

// leaves notes that the client goes, and tells whether its CONNECT has no answer yet.
func (c *Client) leaves(k *conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left = true
	return c.asking == k
}

// answered hands on what came of CONNECT, if somebody waits for it.
func (c *Client) answered(err error) {
	select {
	case c.joined <- err:
	default:
	}
}

// wasIn tells whether the server has ever let the client in.
func (c *Client) wasIn() bool {
	select {
	case <-c.in:
		return true
	default:
		return false
	}
}

// tries notes that an attempt to connect begins.
func (c *Client) tries(k *conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.trying = k
}

// settled notes that an attempt over a connection has ended, and tells whether there was one.
func (c *Client) settled(k *conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.trying != k || c.left || c.err != nil {
		return false
	}
	c.trying, c.asking = nil, nil
	return true
}

// failed notes that an attempt has failed, and tells how many have, in a row.
func (c *Client) failed(err error) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.misses++
	c.tell(c.onConnectError, err)
	return c.misses
}

// failures is how many attempts have failed, in a row.
func (c *Client) failures() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.misses
}

// lose notes that the connection has gone.
func (c *Client) lose(reason error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drop(reason)
}

func (c *Client) drop(reason error) {
	if c.conn == nil {
		return
	}
	c.conn, c.id, c.up = nil, "", make(chan struct{})
	for id, call := range c.calls {
		call <- answer{err: reason}
		delete(c.calls, id)
	}
	c.tell(c.onDisconnect, reason)
}

// end ends the client for good, and tells whether it was connected.
func (c *Client) end(reason error) (connected bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return false
	}
	if errors.Is(reason, ErrClosed) { // who closes wants to hear no more
		c.inbox.due, c.inbox.kept, c.inbox.bytes = nil, nil, 0
	}
	connected = c.conn != nil
	c.drop(reason)
	c.err = reason
	c.inbox.tell(item{tell: func() {}}) // wakes dispatch
	c.cancel()
	return connected
}
