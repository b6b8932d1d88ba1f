package sockets

import "time"

// An entry is how a connection comes to its first socket. One that has none when
// Config.ConnectTimeout is over is closed; if the Handler still decides then, when it has
// refused. The library's own timer would not wait for that, and takes the "/" in which
// clients of protocol 3 are for a socket.
type entry struct {
	timer   *time.Timer // nil: the first socket was let in, or the connection has closed
	over    bool        // the time
	pending int         // CONNECTs without an answer
}

// end says that nothing more is waited for.
func (e *entry) end() {
	if e.timer != nil {
		e.timer.Stop()
		e.timer = nil
	}
}

// begin begins the time in which a connection is to have its first socket.
func (c *conn) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.engine.Protocol() == 3 {
		c.entry.pending = 1 // the library answers a CONNECT to "/" that nobody has sent
	}
	c.entry.timer = time.AfterFunc(c.srv.cfg.ConnectTimeout, func() {
		c.mu.Lock()
		c.entry.over = true
		c.mu.Unlock()
		c.pend(0)
	})
}

// pend counts a CONNECT that waits for its answer, and one less, by -1, when that was sent.
func (c *conn) pend(n int) {
	c.mu.Lock()
	e := &c.entry
	e.pending += n
	late := e.over && e.timer != nil && e.pending == 0
	c.mu.Unlock()
	if late {
		c.engine.Close()
	}
}
