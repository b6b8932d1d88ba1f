package engineio

// beat is the next step of the heartbeat: a ping, or the end without a pong.
func (c *Conn) beat() {
	c.mu.Lock()
	switch {
	case c.state == closing:
		c.mu.Unlock()
		c.finish(ForcedClose) // or the reason it has
		return
	case c.state == open && (c.pinged || c.eio3):
		c.mu.Unlock()
		c.finish(PingTimeout)
		return
	case c.state == open:
		c.pinged = true
		c.timer.Reset(c.srv.cfg.PingTimeout)
		c.mu.Unlock()
		c.Send(false, pingFrame)
		return
	}
	c.mu.Unlock()
}

// heartbeat follows a pong, or, in protocol 3, a ping.
func (c *Conn) heartbeat() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state != open {
		return
	}
	c.pinged = false
	if c.eio3 {
		c.timer.Reset(c.srv.cfg.PingInterval + c.srv.cfg.PingTimeout)
		return
	}
	c.timer.Reset(c.srv.cfg.PingInterval)
}
