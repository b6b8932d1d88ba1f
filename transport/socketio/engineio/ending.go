package engineio

import "time"

// How a connection ends: close begins it, after which nothing more is sent, and what is queued
// still goes out; finish completes it, once, and tells the Receiver. The first reason counts.
//
//	Close    the server ends it:          close; finish when the client has hung up, or its time is over
//	Cut      at once:                     finish
//	Send     its queue is full:           finish, by the timer
//	beat     its client is silent:        finish
//	read     its client hung up:          finish
//	confirm  its client sent a close:     finish, but first close for what is being written
//	leave    its client said goodbye:     finish, but first close for the poll that it may have sent
//	fail     its client made a mistake:   close; on polling finish at once

type state byte

const (
	open    state = iota
	closing       // what is queued still goes out
	closed
)

const (
	lastPoll = time.Second // for the poll of a client that has none under way at the end
	slowPoll = 128 << 10   // bytes a second that a client reads at least of the answer before that
)

// Closing returns a channel that is closed when the connection is not open any more.
func (c *Conn) Closing() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ending == nil {
		c.ending = make(chan struct{})
		if c.state != open {
			close(c.ending)
		}
	}
	return c.ending
}

// become moves on to closing or closed, and tells those who wait for that; c.mu is held.
func (c *Conn) become(to state) {
	if c.state == open && c.ending != nil {
		close(c.ending)
	}
	c.state = to
}

// Close ends the connection after everything queued has been sent. The client may
// connect again.
func (c *Conn) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.close(ForcedClose)
}

// Cut ends the connection now, whatever is queued.
func (c *Conn) Cut() { c.finish(ForcedClose) }

// close begins the end; c.mu is held.
func (c *Conn) close(reason string) {
	if c.state != open {
		return
	}
	c.become(closing)
	c.reason = reason
	if c.ws != nil {
		c.enqueue(closeFrame)
	}
	if c.timer != nil { // for a client that does not come to fetch the rest
		c.timer.Reset(c.srv.cfg.WriteTimeout)
		if c.ws == nil && !c.polling {
			c.timer.Reset(min(lastPoll, c.srv.cfg.WriteTimeout))
		}
	}
	c.drain()
}

// finish ends the connection now. It must not be called with c.mu held.
func (c *Conn) finish(reason string) {
	c.mu.Lock()
	if c.state == closed || c.receiver == nil { // open looks after the latter
		c.mu.Unlock()
		return
	}
	if c.reason == "" {
		c.reason = reason
	}
	reason = c.reason
	c.become(closed)
	c.queue = nil
	ws, probe, receiver := c.ws, c.probe, c.receiver
	c.timer.Stop()
	c.wakePoll()
	c.mu.Unlock()

	for _, w := range []*webSocket{ws, probe} {
		if w != nil {
			_ = w.Close() // nothing is to be done for it any more
		}
	}
	c.srv.remove(c)
	c.srv.cfg.Traffic.ended(reason)
	defer c.srv.recovered()
	receiver.Close(reason)
}

// fail ends the connection of a client that breaks the protocol.
func (c *Conn) fail(reason, what string) {
	c.srv.cfg.Log.Debug("closed a connection that broke the protocol", "what", what, "address", c.address)
	c.mu.Lock()
	c.close(reason)
	polling := c.ws == nil
	c.mu.Unlock()
	if polling { // the poll that waits hears of it; a websocket has a close frame queued
		c.finish(reason)
	}
}

// leave follows the client's goodbye. A poll that it has sent in the same moment may
// still be on its way, and gets an orderly answer.
func (c *Conn) leave() {
	c.mu.Lock()
	missing := c.ws == nil && !c.polling && c.state == open
	if missing {
		c.close(TransportClose)
	}
	c.mu.Unlock()
	if !missing {
		c.finish(TransportClose)
	}
}
