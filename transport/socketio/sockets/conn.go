package sockets

import (
	"encoding/json"
	"net/url"
	"sync"
	"time"

	"github.com/zishang520/engine.io/v2/events"
	"github.com/zishang520/engine.io/v2/types"
	"github.com/zishang520/socket.io/v2/socket"

	"github.com/example/switchyard/transport/socketio/engineio"
)

// A conn is one connection, which carries sockets of several namespaces.
type conn struct {
	srv    *Server
	door   *door // that it came in by
	engine *engineio.Conn
	lib    *libraryConn

	// Only the goroutine that reads touches these.
	partial  *partial
	args     [2]json.RawMessage // of the event that is handled: most have a name and one argument
	last     string             // name of an event
	connects int                // how often it has asked for a namespace
	exceeded bool               // the last time was one too many

	limits    limits
	departure departure

	mu      sync.Mutex
	entry   entry
	sockets map[string]*Socket // by namespace
	left    map[string]bool    // namespaces that it was in
	slots   []slot
	late    *time.Timer // of the last partial
	closed  bool
}

// A partial is a packet whose attachments are still to come.
type partial struct {
	packet
	got   [][]byte
	bytes int
	late  *time.Timer
}

// connect tells the library of a new connection, before anything is read of it.
func (srv *Server) connect(e *engineio.Conn, d *door) *conn {
	c := &conn{srv: srv, door: d, engine: e, sockets: map[string]*Socket{}}
	c.lib = &libraryConn{EventEmitter: events.New(), conn: c}
	c.begin()
	srv.engineEvents.Emit("connection", c.lib)
	return c
}

// Message handles one message of the client.
func (c *conn) Message(b []byte, binary bool) {
	switch {
	case c.srv.cfg.Parser == ParserMsgpack:
		c.msgpack(b, binary)
	case binary && c.partial != nil:
		c.attach(b)
	case binary:
		c.fail("a binary message that no packet has announced")
	case c.partial != nil:
		c.fail("a text in place of an attachment")
	default:
		c.text(b)
	}
}

// msgpack handles one message of a client whose packets are msgpack.
func (c *conn) msgpack(b []byte, binary bool) {
	if !binary {
		c.fail("a text, where packets are msgpack")
		return
	}
	text, err := c.srv.fromMsgpack(b)
	if err != nil || text[0] == packetBinaryEvent || text[0] == packetBinaryAck {
		c.fail("a malformed packet")
		return
	}
	c.text(text)
}

// maxConnect bounds CONNECT with its auth, in bytes: the library decodes and keeps it
// for as long as the socket lives, in many times the memory.
const maxConnect = 16 << 10

// text handles one Socket.IO packet.
func (c *conn) text(b []byte) {
	if len(b) == 0 {
		c.fail("an empty packet")
		return
	}
	switch b[0] {
	case packetEvent, packetBinaryEvent, packetAck, packetBinaryAck:
		c.packet(b)
	case packetDisconnect:
		s, name := c.addressed(b)
		if s == nil {
			if !c.wasIn(name) {
				c.fail("a goodbye to a namespace that is not connected")
			}
			return
		}
		c.goodbye(s)
	case packetConnect:
		if len(b) > maxConnect {
			c.fail("a CONNECT that is too long")
			return
		}
		if s, _ := c.addressed(b); s != nil && !c.goodbye(s) { // that one was disconnected just now, or by its client before it was told CONNECT
			return
		}
		b, ok := c.toSlot(b)
		if !ok {
			c.fail("a CONNECT to a namespace that cannot be, or to too many")
			return
		}
		c.exceeded = c.overrun()
		c.pend(1)
		c.lib.Emit("data", types.NewStringBuffer(b))
	default:
		c.fail("a packet of an unknown type")
	}
}

// goodbye ends a socket for its client, unless the server does so just now. False means that
// it ends with its connection.
func (c *conn) goodbye(s *Socket) bool {
	if !s.awaitReady() { // until then the library does not know it and would close everything
		return false
	}
	if s.leaving.CompareAndSwap(false, true) {
		name := s.namespace
		if s.slot != "" {
			name = s.slot
		}
		c.lib.Emit("data", types.NewStringBufferString(string(packetDisconnect)+name+","))
	}
	<-s.done // on another goroutine; a CONNECT that follows is to find it gone
	return true
}

// packet handles an event or an acknowledgement. An event with attachments is held
// against the limits when they are there, since they come in any case.
func (c *conn) packet(b []byte) {
	p, rest, err := parseHead(b, c.srv.cfg.MaxAttachments)
	if err == nil && p.isEvent() && p.attachments == 0 && c.refused(p) {
		return
	}
	switch {
	case err != nil:
	case p.isEvent() && p.attachments == 0: // and over when this returns
		p.args, err = elements(c.args[:0], rest)
		defer clear(c.args[:]) // what an idle connection has sent is not kept
	default:
		p.args, err = elements(nil, rest)
	}
	if err != nil {
		c.fail("a malformed packet")
		return
	}
	if p.attachments > 0 {
		c.await(p)
		return
	}
	c.event(p)
}

// await waits for the attachments of a packet.
func (c *conn) await(p packet) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	c.late = time.AfterFunc(c.srv.cfg.AttachmentTimeout, func() { c.fail("attachments that did not come in time") })
	c.partial = &partial{packet: p, late: c.late}
}

// attach takes one attachment; the last completes the packet.
func (c *conn) attach(b []byte) {
	p := c.partial
	p.got, p.bytes = append(p.got, b), p.bytes+len(b)
	if p.bytes > c.srv.cfg.AttachmentBytes {
		p.late.Stop()
		c.partial = nil // nothing of it is kept while the connection closes
		c.fail("attachments that are too long")
		return
	}
	if len(p.got) < p.attachments {
		return
	}
	p.late.Stop()
	c.partial = nil
	switch {
	case p.isEvent() && c.refused(p.packet):
	case inline(p.args, p.got) != nil:
		c.fail("placeholders that do not fit the attachments")
	default:
		c.event(p.packet)
	}
}

// event hands an event on.
func (c *conn) event(p packet) {
	if !p.isEvent() {
		if s := c.socket(p.namespace); s != nil {
			s.asks.answered(p.id, p.args)
		}
		return
	}
	name, err := p.name(c.last)
	s := c.socket(p.namespace)
	if err == nil && s == nil && c.wasIn(p.namespace) {
		c.limits.open.Add(-1) // nobody answers it
		c.settle()
		return
	}
	if err != nil || s == nil {
		c.fail("an event without a name, or for a namespace that is not connected")
		return
	}
	if len(name) == len(p.args[0])-2 { // it has no escapes: the next one can be compared with it
		c.last = name
	}
	if !s.awaitReady() { // nothing is answered before CONNECT
		return
	}
	e := Event{Name: name, Args: p.args[1:], Ack: p.id, Attachments: p.attachments}
	if w := c.srv.cfg.Watcher; w != nil {
		w.Received(s, e)
	}
	c.srv.handler.Event(s, e)
}

// fail ends the connection of a client that breaks the protocol.
func (c *conn) fail(sent string) {
	c.srv.log.Debug("closed a connection that broke the protocol", "sent", sent, "address", c.engine.Address())
	c.engine.Close()
}

// Close follows the end of the connection.
func (c *conn) Close(reason string) {
	c.mu.Lock()
	c.closed = true
	c.entry.end()
	if c.late != nil { // it would keep what has come of a packet
		c.late.Stop()
	}
	all := make([]*Socket, 0, len(c.sockets))
	for _, s := range c.sockets {
		all = append(all, s)
	}
	c.mu.Unlock()
	for _, s := range all {
		s.end(reason)
	}
	c.lib.Emit("close", reason)
}

// handshake is what the client said when it connected to a namespace.
func (c *conn) handshake(lib *socket.Socket) Handshake {
	given := lib.Handshake().Auth
	if query, ok := given.(url.Values); ok { // clients of protocol 3 have no other place for it
		values := map[string]string{}
		for name := range query {
			values[name] = query.Get(name)
		}
		given = values
	}
	auth, err := json.Marshal(given)
	if err != nil || given == nil {
		auth = json.RawMessage(`{}`)
	}
	e := c.engine
	return Handshake{Auth: auth, Header: e.Header(), Query: e.Query(), Address: e.Address(), Secure: e.Secure()}
}
