package sockets

import (
	"bytes"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// The library keeps each namespace that it was told of for ever, or loses it when the
// last socket leaves while another one comes. So it never hears of dynamic ones: each
// connection has a few slots, which are namespaces of the library, and a slot stands for
// the dynamic namespace of one of its sockets. CONNECT and DISCONNECT are translated on
// their way in, what the library writes on its way out. All else is ours, and goes by
// the real name.

// slotPrefix begins the names of slots. No namespace of a client is called so.
const slotPrefix = "/*"

func slotName(i int) string { return slotPrefix + strconv.Itoa(i) }

// A slot is one of a connection's, and for whom it stands.
type slot struct {
	name    string
	sockets int // that it stands for, with those that are refused: at zero it is free
}

// home is where the sockets of a namespace are; nil: there are none.
func (srv *Server) home(namespace string) *rooms {
	if home := srv.namespaces[namespace]; home != nil || srv.cfg.Dynamic == nil {
		return home
	}
	srv.mu.RLock()
	defer srv.mu.RUnlock()
	return srv.dynamic[namespace]
}

// enter is home for a socket that comes, until it is gone again (see leave): a dynamic
// namespace is there as long as it has sockets.
func (srv *Server) enter(namespace string) *rooms {
	if home := srv.namespaces[namespace]; home != nil {
		return home
	}
	srv.mu.Lock()
	defer srv.mu.Unlock()
	home := srv.dynamic[namespace]
	if home == nil {
		home = newRooms(srv.cfg.Watcher)
		srv.dynamic[namespace] = home
	}
	home.holders++
	return home
}

// leave takes a socket out of its namespace; false means that it has gone before.
func (srv *Server) leave(s *Socket) bool {
	if !s.home.drop(s) {
		return false
	}
	if s.slot == "" {
		return true
	}
	srv.mu.Lock()
	defer srv.mu.Unlock()
	if s.home.holders--; s.home.holders == 0 {
		delete(srv.dynamic, s.namespace)
	}
	return true
}

// Namespaces lists the namespaces, of the dynamic ones those that have sockets.
func (srv *Server) Namespaces() []string {
	var all []string
	for name := range srv.namespaces {
		all = append(all, name)
	}
	srv.mu.RLock()
	defer srv.mu.RUnlock()
	for name := range srv.dynamic {
		all = append(all, name)
	}
	return all
}

// toSlot makes a CONNECT to a dynamic namespace one to a slot; ok is false if there
// cannot be one.
func (c *conn) toSlot(b []byte) (packet []byte, ok bool) {
	end := bytes.IndexByte(b, ',')
	if end < 0 {
		end = len(b)
	}
	name, query := string(b[1:end]), ""
	if c.engine.Protocol() == 3 { // read as the library does it
		if u, err := url.Parse(name); err == nil {
			name, query = u.Path, "?"+u.RawQuery
		}
	}
	if strings.HasPrefix(name, slotPrefix) {
		return nil, false
	}
	if c.srv.namespaces[name] != nil || c.srv.cfg.Dynamic == nil || !c.srv.cfg.Dynamic(name) {
		return b, true
	}
	i, ok := c.take(name)
	if !ok {
		return nil, false
	}
	return slices.Concat(b[:1], []byte(slotName(i)+query), b[end:]), true
}

// take finds the slot of a name, or a free one. There is one more than sockets can be,
// for the one too many to be told so.
func (c *conn) take(name string) (i int, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	i = slices.IndexFunc(c.slots, func(s slot) bool { return s.sockets > 0 && s.name == name })
	if i < 0 {
		i = slices.IndexFunc(c.slots, func(s slot) bool { return s.sockets == 0 })
	}
	if i < 0 && len(c.slots) <= c.srv.cfg.MaxNamespaces {
		i = len(c.slots)
		c.slots = append(c.slots, slot{})
	}
	if i < 0 {
		return 0, false
	}
	c.slots[i].name = name
	c.slots[i].sockets++
	return i, true
}

// namespace is what a namespace of the library stands for, and the slot that it is, ""
// for none.
func (c *conn) namespace(lib string) (name, slot string) {
	if !strings.HasPrefix(lib, slotPrefix) {
		return lib, ""
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.slotOf(lib); s != nil {
		return s.name, lib
	}
	return lib, lib
}

// slotOf finds a slot by the library's name of it; c.mu is held.
func (c *conn) slotOf(lib string) *slot {
	i, err := strconv.Atoi(strings.TrimPrefix(lib, slotPrefix))
	if err != nil || i < 0 || i >= len(c.slots) {
		return nil
	}
	return &c.slots[i]
}

// release frees a slot of one of those that it stands for.
func (c *conn) release(lib string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.slotOf(lib); s != nil && s.sockets > 0 {
		s.sockets--
	}
}

// fromSlot gives a packet that the library has made its namespace's real name. A refusal
// is the end of what the slot stood for.
func (c *conn) fromSlot(b []byte) []byte {
	if len(b) == 0 || !bytes.HasPrefix(b[1:], []byte(slotPrefix)) {
		return b
	}
	end := bytes.IndexByte(b, ',')
	if end < 0 {
		end = len(b)
	}
	name, slot := c.namespace(string(b[1:end]))
	if b[0] == packetConnectError {
		c.release(slot)
	}
	return slices.Concat(b[:1], []byte(name), b[end:])
}
