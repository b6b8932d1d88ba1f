package client

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// grace is what a call waits longer than its command's own timeout, so that the server's
// word on it is heard.
const grace = 5 * time.Second

// callAs sends an event and decodes its acknowledgement.
func callAs[Out any](ctx context.Context, c *Client, timeout time.Duration, event string, in any) (out Out, err error) {
	args, err := arguments(in)
	var p *packet
	if err == nil {
		p, err = c.call(ctx, timeout, event, args...)
	}
	if err == nil {
		err = p.answer(&out)
	}
	if err != nil {
		return out, fmt.Errorf("call %s: %w", event, err)
	}
	return out, nil
}

// call sends an event and waits for its acknowledgement. A timeout is its command's own.
func (c *Client) call(ctx context.Context, timeout time.Duration, event string, args ...any) (*packet, error) {
	if timeout > 0 {
		timeout += grace
	}
	ctx, cancel := context.WithTimeout(ctx, max(timeout, c.opts.timeout))
	defer cancel()
	args = append([]any{event}, args...)
	for {
		p, err := c.attempt(ctx, args)
		if !errors.Is(err, errGone) {
			return p, err
		} // it did not leave, and does over the next connection
	}
}

// attempt is a call over one connection.
func (c *Client) attempt(ctx context.Context, args []any) (*packet, error) {
	k, id, answered, err := c.expect(ctx)
	if err != nil {
		return nil, err
	}
	m, err := encode(packetEvent, c.namespace, id, args...)
	if err == nil {
		err = k.send(ctx, m)
	}
	if err != nil {
		c.forget(id)
		return nil, err
	}
	select {
	case a := <-answered:
		return a.packet, a.err
	case <-ctx.Done():
		c.forget(id)
	}
	select {
	case a := <-answered: // it came meanwhile
		return a.packet, a.err
	default:
		return nil, late(ctx)
	}
}

// expect waits for a connection and notes that a call over it is to be answered.
func (c *Client) expect(ctx context.Context) (*conn, int64, <-chan answer, error) {
	for {
		k, err := c.connected(ctx)
		if err != nil {
			return nil, 0, nil, err
		}
		c.mu.Lock()
		if c.conn == k { // so that the end of this connection ends the call
			id := c.link.calls.Add(1) - 1
			answered := make(chan answer, 1)
			c.calls[id] = answered
			c.mu.Unlock()
			return k, id, answered, nil
		}
		c.mu.Unlock()
	}
}

func (c *Client) forget(id int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.calls, id)
}

// resolve hands an acknowledgement to its call. One that nobody waits for is late.
func (c *Client) resolve(p *packet) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if call, ok := c.calls[p.id]; ok {
		delete(c.calls, p.id)
		call <- answer{packet: p}
	}
}
