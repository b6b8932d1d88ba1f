package engineio

import (
	"net/http"
	"net/url"
	"sync"
	"time"
)

// A Conn is one connection of a client, over one transport or, after an upgrade,
// another. Its methods are safe for concurrent use; after the end they do nothing.
type Conn struct {
	srv     *Server
	id      string
	eio3    bool
	header  http.Header
	query   url.Values
	address string // host and port
	host    string // of address, see network
	secure  bool

	handling sync.Mutex // held while one packet is handled

	mu       sync.Mutex
	receiver Receiver // nil until the connection is open
	state    state
	reason   string        // why it is closing; the first one counts
	ending   chan struct{} // see Closing; nil until somebody asks
	timer    *time.Timer   // the next step of the heartbeat, or the end of closing
	pinged   bool          // a ping waits for its pong

	queue   *queue     // nil: nothing waits
	ws      *webSocket // nil on polling
	writing bool       // somebody drains the queue to ws

	wake    chan struct{} // a token for the poll that waits; nil on a websocket
	polling bool          // a poll is being served
	posting bool          // and a post
	probe   *webSocket    // a websocket that wants to take over
	probed  bool          // and has been heard: polls are to end
}

func newConn(srv *Server, r *http.Request, q url.Values, eio3 bool, host string) *Conn {
	c := &Conn{
		srv: srv, id: newID(), eio3: eio3, header: r.Header, query: q,
		address: r.RemoteAddr, host: host, secure: r.TLS != nil,
	}
	if q.Get("transport") == Polling {
		c.wake = make(chan struct{}, 1)
	}
	return c
}

// open tells the client its session's id and begins the heartbeat.
func (c *Conn) open(upgrades []string) {
	c.srv.cfg.Traffic.opened()
	c.Send(false, c.srv.openPacket(c.id, upgrades))
	receiver := c.srv.handler.Open(c)
	c.srv.add(c)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.receiver = receiver
	first := c.srv.cfg.PingInterval
	if c.eio3 { // there the client pings
		first += c.srv.cfg.PingTimeout
	}
	if c.state != open { // while it was opened
		first = 0
	}
	c.timer = time.AfterFunc(first, c.beat)
}

// ID is the session's id. Who knows it can speak for the client.
func (c *Conn) ID() string { return c.id }

// Protocol is 4, or 3 for clients of old.
func (c *Conn) Protocol() int {
	if c.eio3 {
		return 3
	}
	return 4
}

// Header is the header of the first request; do not change it.
func (c *Conn) Header() http.Header { return c.header }

// Query is the query of the first request; do not change it.
func (c *Conn) Query() url.Values { return c.query }

// Address is the host and port of the peer.
func (c *Conn) Address() string { return c.address }

// Secure tells whether the first request came over TLS.
func (c *Conn) Secure() bool { return c.secure }

// Transport is the one that carries the connection now.
func (c *Conn) Transport() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ws != nil {
		return WebSocket
	}
	return Polling
}

// Receiver is what the Handler's Open has returned; nil before that.
func (c *Conn) Receiver() Receiver {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.receiver
}

// Open tells whether the connection is neither closed nor closing.
func (c *Conn) Open() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state == open
}

// Send queues frames, one after the other with nothing between them, and does not
// wait. Volatile ones are dropped while others wait, or nobody polls.
func (c *Conn) Send(volatile bool, frames ...*Frame) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state != open || volatile && c.busy() {
		return
	}
	c.srv.cfg.Traffic.out(frames)
	c.enqueue(frames...)
	if len(c.queue.frames) > c.srv.cfg.QueueMessages || c.queue.bytes > c.srv.cfg.QueueBytes {
		c.srv.slow.Add(1)
		c.become(closing)
		c.reason = SlowConsumer
		c.queue = nil
		if c.timer != nil {
			c.timer.Reset(0) // not here: the caller may hold what the Receiver needs
		}
		return
	}
	c.drain()
}

func (c *Conn) queued() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.queue == nil {
		return 0
	}
	return c.queue.bytes
}

func (c *Conn) busy() bool {
	return c.queue.waiting() > 0 || c.ws == nil && !c.polling
}

// enqueue makes frames wait; c.mu is held.
func (c *Conn) enqueue(frames ...*Frame) {
	if c.queue == nil {
		c.queue = queues.Get().(*queue)
	}
	c.queue.frames = append(c.queue.frames, frames...)
	for _, f := range frames {
		c.queue.bytes += len(f.ws)
	}
}

// drain makes sure that somebody sends what is queued; c.mu is held.
func (c *Conn) drain() {
	switch {
	case c.ws == nil:
		c.wakePoll()
	case !c.writing:
		c.writing = true
		c.srv.writers.add(c)
	case c.queue.bytes > batchSize || len(c.queue.frames)%64 == 0: // not at each frame: that takes the lock of all writers
		c.srv.writers.hurry()
	}
}
