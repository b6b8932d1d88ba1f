package sockets

import (
	"cmp"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"

	enginepacket "github.com/zishang520/engine.io-go-parser/packet"
	"github.com/zishang520/engine.io/v2/engine"
	"github.com/zishang520/engine.io/v2/events"
	"github.com/zishang520/engine.io/v2/types"
	"github.com/zishang520/socket.io/v2/socket"
)

// A conn is one Engine.IO connection, which carries sockets of several namespaces.
type conn struct {
	srv     *Server
	engine  engine.Socket
	library []events.Listener // what the library would do with the data

	skip int // attachments still to come; only the reading goroutine touches it

	mu      sync.Mutex
	sockets map[string]*Socket // by namespace
	closed  bool

	// Frames go to the websocket itself where there is one. After an upgrade the
	// library may still hold older packets: the next frame goes through the library,
	// which sends those first, and the ones after it go straight.
	sending  sync.Mutex
	direct   atomic.Pointer[ws]
	upgraded atomic.Pointer[ws]
}

// wire puts a new connection together and only then lets it read.
func (srv *Server) wire(e engine.Socket) {
	c := &conn{srv: srv, engine: e, library: e.Listeners("data"), sockets: map[string]*Socket{}}
	e.RemoveAllListeners("data")
	must(e.On("data", c.data))
	must(e.Once("close", c.close))
	must(e.On("upgrade", c.upgrade))
	srv.conns.Store(e, c)
	if e.ReadyState() != "open" { // it was closed before we listened
		c.close("transport close")
		return
	}
	switch t := e.Transport().(type) {
	case *ws:
		c.direct.Store(t)
		t.start(c.text)
	case *polling:
		t.start()
	}
}

// must is for the library's event emitter, whose methods return an error that is
// always nil.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

// upgrade runs on the goroutine that reads the new websocket.
func (c *conn) upgrade(args ...any) {
	if t, ok := args[0].(*ws); ok {
		t.direct = c.text
		c.upgraded.Store(t)
	}
}

// data is the library's event for what came in another way than through ws.direct.
func (c *conn) data(args ...any) {
	defer c.srv.recovered("handle a packet")
	b, ok := args[0].(types.BufferInterface)
	if !ok {
		return
	}
	if _, text := b.(*types.StringBuffer); text {
		c.text(b.Bytes())
		return
	}
	if c.skip == 0 {
		c.fail("a binary frame that no packet has announced")
		return
	}
	// Attachments are not handed on: an input that wants one does not exist yet, and
	// the placeholder in its place is refused by its schema.
	c.skip--
}

// text handles one Socket.IO packet.
func (c *conn) text(b []byte) {
	defer c.srv.recovered("handle a packet")
	if len(b) == 0 || c.skip > 0 {
		c.fail("an empty packet, or a text in place of an attachment")
		return
	}
	switch b[0] {
	case packetEvent, packetBinaryEvent, packetAck, packetBinaryAck:
		p, err := parsePacket(b)
		if err != nil {
			c.fail("a malformed packet")
			return
		}
		c.skip = p.attachments
		if p.kind == packetEvent || p.kind == packetBinaryEvent {
			c.event(p)
		}
		// We never ask a client for an acknowledgement, so there is none to take.
	case packetDisconnect:
		namespace, _, _ := strings.Cut(string(b[1:]), ",")
		if s := c.socket(cmp.Or(namespace, "/")); s != nil {
			<-s.ready // until then the library does not know it and would close everything
		}
		c.hand(b)
	case packetConnect:
		c.hand(b)
	default:
		c.fail("a packet of an unknown type")
	}
}

// hand gives a packet to the library.
func (c *conn) hand(b []byte) {
	for _, listener := range c.library {
		listener(types.NewStringBuffer(b))
	}
}

func (c *conn) event(p packet) {
	name, err := p.name()
	s := c.socket(p.namespace)
	if err != nil || s == nil {
		c.fail("an event without a name, or for a namespace that is not connected")
		return
	}
	<-s.ready // CONNECT goes out from another goroutine: nothing is answered before it
	c.srv.handler.Event(s, Event{Name: name, Args: p.args[1:], Ack: p.id})
}

// fail ends the connection of a client that breaks the protocol.
func (c *conn) fail(sent string) {
	c.srv.cfg.Log.Debug("closed a connection that broke the protocol", "sent", sent, "address", c.engine.RemoteAddress())
	c.engine.Close(false)
}

func (c *conn) socket(namespace string) *Socket {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sockets[namespace]
}

// bind adds a socket; false means that the connection has closed or has a socket of
// that namespace already.
func (c *conn) bind(s *Socket) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.sockets[s.namespace] != nil {
		return false
	}
	c.sockets[s.namespace] = s
	return true
}

func (c *conn) unbind(s *Socket) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sockets[s.namespace] == s {
		delete(c.sockets, s.namespace)
	}
}

// close follows the end of the connection, once.
func (c *conn) close(args ...any) {
	defer c.srv.recovered("close a connection")
	c.srv.conns.Delete(c.engine)
	c.mu.Lock()
	c.closed = true
	all := make([]*Socket, 0, len(c.sockets))
	for _, s := range c.sockets {
		all = append(all, s)
	}
	c.mu.Unlock()
	for _, s := range all {
		s.end(c.reason(args))
	}
}

// reason is why a connection or a socket ended, in Socket.IO's words and one of ours.
func (c *conn) reason(args []any) string {
	if t, ok := c.engine.Transport().(*ws); ok && t.tooSlow() {
		return "slow consumer"
	}
	reason, _ := args[0].(string)
	return reason
}

// write sends a frame. A volatile one is dropped while the connection is busy.
func (c *conn) write(f *frame, volatile bool) {
	if t := c.direct.Load(); t != nil {
		if !volatile || !t.busy() {
			t.enqueue(f.ws)
		}
		return
	}
	c.sending.Lock()
	defer c.sending.Unlock()
	if volatile && !c.engine.Transport().Writable() {
		return
	}
	upgraded := c.upgraded.Load()
	c.engine.Write(types.NewStringBuffer(f.text), &enginepacket.Options{}, nil)
	c.direct.Store(upgraded)
}

// handshake is what the client said when it connected to a namespace.
func handshake(lib *socket.Socket) Handshake {
	h := lib.Handshake()
	auth, err := json.Marshal(h.Auth)
	if err != nil || h.Auth == nil {
		auth = json.RawMessage(`{}`)
	}
	return Handshake{Auth: auth, Header: http.Header(h.Headers), Query: h.Query, Address: h.Address, Secure: h.Secure}
}
