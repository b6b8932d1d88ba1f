package sockets

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/zishang520/socket.io/v2/socket"

	"github.com/example/switchyard/transport/socketio/engineio"
)

// A Socket is one client's connection to one namespace. Its methods are safe for
// concurrent use; after the client has gone they do nothing.
//
// Its life: Server.admit makes it, has the Handler decide (Connect), and binds it to its
// connection; tell tells the client CONNECT, and what was held until then; known, a moment
// later, follows the library's own notice, before which it could not end a socket; end, on
// whichever goroutine notices first, takes it out of everything.
type Socket struct {
	// Data is the Handler's own. Set it in Connect.
	Data any

	id        string
	namespace string
	slot      string // the library's name of a dynamic namespace; "" for others
	conn      *conn
	lib       *socket.Socket
	home      *rooms
	handshake Handshake

	ended atomic.Bool   // nothing is sent any more: another socket may have its namespace
	told  atomic.Bool   // the client has been told CONNECT, or has gone
	ready chan struct{} // closed when the library knows the socket too, a moment later, or it has gone
	done  chan struct{} // closed when it has ended

	leaving atomic.Bool // the server or the client has begun to disconnect it

	mu    sync.Mutex
	held  []frames // what was sent before the client was told CONNECT
	out   bool     // it is to be disconnected as soon as the library knows it
	whole bool     // and its connection is to be closed

	asks asks // questions that the client has not answered

	rooms map[string]struct{} // guarded by home.mu
	gone  bool                // guarded by home.mu
}

// ID is the socket's id, which its client knows too, unless it speaks protocol 3.
func (s *Socket) ID() string { return s.id }

// Namespace is the name of the socket's namespace.
func (s *Socket) Namespace() string { return s.namespace }

// Handshake is what the client said when it connected. Its Auth is there in Connect
// only.
func (s *Socket) Handshake() Handshake { return s.handshake }

// Listen has the socket found and hear what is sent to it: that waits until its client has
// been told CONNECT. Call it in Connect, with Data set, for what happens meanwhile;
// else it listens when Connect has returned.
func (s *Socket) Listen() { s.home.add(s) }

// Transport is what carries the connection now: engineio.Polling or engineio.WebSocket.
func (s *Socket) Transport() string { return s.conn.engine.Transport() }

// Emit sends an event. Its payload must be JSON.
func (s *Socket) Emit(event string, p Payload) {
	s.write(s.conn.srv.eventFrames(s.namespace, event, NoAck, p), false)
	s.sent(event, p)
}

// sent tells the watcher of an event.
func (s *Socket) sent(event string, p Payload) {
	if w := s.conn.srv.cfg.Watcher; w != nil {
		w.Sent(s, event, p)
	}
}

// Ack answers an event. The payload must be JSON. Answer each id once.
func (s *Socket) Ack(id AckID, p Payload) {
	if id == NoAck {
		return
	}
	if !p.plain() || s.conn.srv.cfg.Parser == ParserMsgpack {
		s.write(s.conn.srv.ackFrames(s.namespace, id, p), false)
		return
	}
	if s.ended.Load() {
		return
	}
	if f := ackFrame(s.namespace, id, p.JSON); s.told.Load() || !s.hold(frames{f}) {
		s.conn.engine.Send(false, f)
	}
}

// Join puts the socket in rooms; false means that it has gone and joined none.
func (s *Socket) Join(rooms ...string) bool { return s.home.join(s, rooms) }

// Leave takes the socket out of rooms.
func (s *Socket) Leave(rooms ...string) {
	if len(rooms) > 0 {
		s.home.leave(s, rooms)
	}
}

// Rooms lists the rooms that the socket is in, in no order.
func (s *Socket) Rooms() []string { return s.home.of(s) }

// Disconnect ends the socket's connection to its namespace. What was sent before
// arrives first. The client does not come back by itself. A socket that is still connecting
// ends as soon as it is connected.
func (s *Socket) Disconnect() { s.disconnect(false) }

// DisconnectAll ends the whole connection, with the sockets of all its namespaces, of
// which each is told as by Disconnect. The client does not come back by itself.
func (s *Socket) DisconnectAll() { s.disconnect(true) }

func (s *Socket) disconnect(whole bool) {
	if !s.postponed(whole) {
		s.part(whole)
	}
}

func (s *Socket) part(whole bool) {
	if s.leaving.CompareAndSwap(false, true) || whole {
		s.lib.Disconnect(whole)
	}
}

// postponed notes the disconnect of a socket that the library does not know yet: it would
// do nothing.
func (s *Socket) postponed(whole bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.ready:
		return false
	default:
	}
	s.out, s.whole = true, s.whole || whole
	return true
}

// Connection names the connection that carries the socket, the same in all its
// namespaces. Who knows it can speak for the client.
func (s *Socket) Connection() string { return s.conn.engine.ID() }

// Close ends the whole connection, with the sockets of all its namespaces. What was sent
// before arrives first. The client comes back by itself.
func (s *Socket) Close() { s.conn.engine.Close() }

// Hide has nobody find the socket any more, nor send to it, until it has ended: a client
// that does not come to fetch the end may take a while.
func (s *Socket) Hide() { s.home.hide(s) }

// write sends a packet, but never before CONNECT.
func (s *Socket) write(f frames, volatile bool) {
	if s.ended.Load() {
		return
	}
	if s.told.Load() || !s.hold(f) {
		s.conn.engine.Send(volatile, f...)
	}
}

func (s *Socket) hold(f frames) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.told.Load() {
		return false
	}
	s.held = append(s.held, f)
	return true
}

// tell tells the client CONNECT and what was held, at once: whatever closes the connection
// comes before both or after both.
func (s *Socket) tell(connect *engineio.Frame) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conn.engine.Send(false, append(frames{connect}, slices.Concat(s.held...)...)...)
	s.held = nil
	s.told.Store(true)
}

// awaitReady waits until the library knows the socket, which it says from another goroutine.
// False means that the connection closes before: the library says nothing then.
func (s *Socket) awaitReady() bool {
	select {
	case <-s.ready:
		return true
	default:
	}
	select {
	case <-s.ready:
		return true
	case <-s.conn.engine.Closing():
		return false
	}
}

// known follows when the library knows the socket.
func (s *Socket) known() {
	s.isReady()
	if s.out { // without the mutex: once it is ready nobody sets it any more
		s.part(s.whole)
	}
}

// isReady ends what waits for that, or for CONNECT in vain; it works once.
func (s *Socket) isReady() {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.ready:
		return
	default:
	}
	s.held = nil
	s.told.Store(true)
	close(s.ready)
}

// end follows the end of the socket; it works once.
func (s *Socket) end(reason string) {
	s.ended.Store(true)
	s.conn.unbind(s)
	first := s.conn.srv.leave(s)
	s.isReady()
	s.asks.end()
	if first {
		defer close(s.done)
		defer s.conn.srv.recovered("disconnect a socket")
		if w := s.conn.srv.cfg.Watcher; w != nil {
			w.Disconnected(s, reason)
		}
		s.conn.srv.handler.Disconnect(s, reason)
	}
}
