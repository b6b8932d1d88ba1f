package sockets

import "time"

// An entry is how a connection comes to its first socket. One that has none when
// Config.ConnectTimeout is over is closed; if the Handler is still asked then, when it has
// refused. The library's own timer would not wait for that, and takes the "/" in which
// clients of protocol 3 are for a socket.
type entry struct {
	timer  *time.Timer // nil: the first socket was let in, or the connection has closed
	over   bool        // the time
	asking int         // CONNECTs without an answer
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
		c.entry.asking = 1 // the library answers a CONNECT to "/" that nobody has sent
	}
	c.entry.timer = time.AfterFunc(c.srv.cfg.ConnectTimeout, func() {
		c.mu.Lock()
		c.entry.over = true
		c.mu.Unlock()
		c.asked(0)
	})
}

// asked counts a CONNECT, or less one when its answer has been sent.
func (c *conn) asked(n int) {
	c.mu.Lock()
	e := &c.entry
	e.asking += n
	late := e.over && e.timer != nil && e.asking == 0
	c.mu.Unlock()
	if late {
		c.engine.Close()
	}
}
