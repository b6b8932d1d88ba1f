package rawsio

import (
	"errors"
	"slices"
	"time"
)

// Expect waits for the next event of that name on a namespace, takes it out of what
// was heard, and returns its payload.
func (c *Client) Expect(ns, name string) string {
	c.t.Helper()
	var payload string
	c.until(name+" on "+ns, func() bool {
		for i, e := range c.events {
			if e.Namespace == ns && e.Name == name {
				payload = string(e.Payload)
				c.events = append(c.events[:i:i], c.events[i+1:]...)
				return true
			}
		}
		return false
	})
	return payload
}

// Events returns what was heard and not taken by Expect.
func (c *Client) Events() []Event {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]Event(nil), c.events...)
}

// Heard returns every Engine.IO packet but the pings.
func (c *Client) Heard() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.heard...)
}

// Ended waits until the server has ended the connection, and tells how.
func (c *Client) Ended() error {
	c.t.Helper()
	deadline := time.After(Patience)
	for {
		c.mu.Lock()
		changed, closed := c.changed, c.closed
		c.mu.Unlock()
		if closed != nil {
			return closed
		}
		select {
		case <-changed:
		case <-deadline:
			c.t.Error("the connection did not end")
			return errors.New("the connection did not end")
		}
	}
}

// Disconnected waits until the server has ended the socket of a namespace.
func (c *Client) Disconnected(ns string) {
	c.t.Helper()
	c.until("DISCONNECT on "+ns, func() bool { return c.gone[ns] })
}

// Forget takes back what was heard of a socket's connection to a namespace, so that it can
// connect again.
func (c *Client) Forget(ns string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.sids, ns)
	delete(c.refused, ns)
	delete(c.gone, ns)
}

// ExpectHeard waits for an Engine.IO packet.
func (c *Client) ExpectHeard(packet string) {
	c.t.Helper()
	c.until(packet, func() bool { return slices.Contains(c.heard, packet) })
}
