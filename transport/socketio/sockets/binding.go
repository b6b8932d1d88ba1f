package sockets

import "bytes"

// Which sockets a connection has, by namespace.

// addressed is the socket that a CONNECT or DISCONNECT means, and the namespace's name.
func (c *conn) addressed(b []byte) (*Socket, []byte) {
	name, _, _ := bytes.Cut(b[1:], []byte{','})
	if c.engine.Protocol() == 3 {
		name, _, _ = bytes.Cut(name, []byte{'?'})
	}
	if len(name) == 0 || name[0] != '/' { // what follows is auth
		name = []byte("/")
	}
	return c.socket(name), name
}

func (c *conn) socket(namespace []byte) *Socket {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sockets[string(namespace)]
}

// bind adds a socket; false means that the connection has closed, has a socket of
// that namespace already, or has too many.
func (c *conn) bind(s *Socket) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.sockets[s.namespace] != nil || len(c.sockets) >= c.srv.cfg.MaxNamespaces {
		return false
	}
	c.sockets[s.namespace] = s
	delete(c.left, s.namespace)
	c.entry.end()
	return true
}

func (c *conn) unbind(s *Socket) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sockets[s.namespace] != s {
		return
	}
	delete(c.sockets, s.namespace)
	if c.left == nil || len(c.left) >= c.srv.cfg.MaxNamespaces {
		c.left = map[string]bool{}
	}
	c.left[s.namespace] = true
}

// wasIn tells whether a client may not have heard yet that it is not in a namespace any
// more: what it says there is dropped.
func (c *conn) wasIn(namespace []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.left[string(namespace)]
}
