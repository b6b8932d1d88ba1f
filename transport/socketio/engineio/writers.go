package engineio

import (
	"bytes"
	"runtime"
	"sync"
	"time"

	"github.com/example/switchyard/internal/rawio"
)

const batchSize = 64 << 10 // bytes put together for one system call

// writers are the few goroutines that write what is queued on websockets, for as long
// as there is some. They never wait for a client: who takes no more at the moment gets
// a goroutine of its own, until it has everything.
type writers struct {
	mu      sync.Mutex
	due     []*Conn // from next on: they wait for a writer
	next    int
	held    []*Conn // they wait for release
	holding int
	running int
	most    int // writers at a time
}

func newWriters() writers { return writers{most: runtime.GOMAXPROCS(0)} }

// add makes a connection wait for a writer. Its mu is held.
func (ws *writers) add(c *Conn) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if ws.holding > 0 {
		ws.held = append(ws.held, c)
		return
	}
	ws.due = append(ws.due, c)
	ws.start(1)
}

// start starts up to n more writers; ws.mu is held.
func (ws *writers) start(n int) {
	for ; n > 0 && ws.running < ws.most; n-- {
		ws.running++
		go ws.run()
	}
}

// hold makes what is sent wait for release.
func (ws *writers) hold() {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	ws.holding++
}

// atHand is how many connections release writes to itself: that is faster than waking
// somebody up.
const atHand = 4

// release ends one hold.
func (ws *writers) release() {
	ws.mu.Lock()
	ws.holding--
	if ws.holding > 0 {
		ws.mu.Unlock()
		return
	}
	ws.letGo()
	n := len(ws.due) - ws.next
	if n == 0 || n > atHand || ws.running > 0 {
		ws.start((n + atHand - 1) / atHand)
		ws.mu.Unlock()
		return
	}
	ws.running++
	ws.mu.Unlock()
	ws.run()
}

// letGo makes due what is held; ws.mu is held.
func (ws *writers) letGo() {
	ws.due = append(ws.due, ws.held...)
	clear(ws.held)
	ws.held = ws.held[:0]
}

// hurry writes what is held: a connection has enough for a system call.
func (ws *writers) hurry() {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if len(ws.held) > 0 {
		ws.letGo()
		ws.start(1)
	}
}

// run writes until nothing is due.
func (ws *writers) run() {
	w := batches.Get().(*batch)
	defer batches.Put(w)
	for {
		c := ws.take()
		if c == nil {
			return
		}
		w.drain(c)
	}
}

// take takes the connection that is due next. Nil ends a writer.
func (ws *writers) take() *Conn {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if ws.next == len(ws.due) {
		ws.due, ws.next = ws.due[:0], 0
		ws.running--
		return nil
	}
	if ws.next > 1000 && ws.next > len(ws.due)/2 { // under load it is never empty
		n := copy(ws.due, ws.due[ws.next:])
		clear(ws.due[n:])
		ws.due, ws.next = ws.due[:n], 0
	}
	c := ws.due[ws.next]
	ws.due[ws.next] = nil
	ws.next++
	return c
}

// A batch is frames put together for one system call.
type batch struct {
	room    []byte // for small frames
	out     []byte // what is to be written: in room, or one long frame
	attempt func(fd uintptr) bool
	err     error
}

var batches = sync.Pool{New: func() any {
	b := &batch{room: make([]byte, 0, batchSize)}
	b.attempt = b.try
	return b
}}

// gather puts frames together, and returns those that are left.
func (b *batch) gather(c *Conn, frames []*Frame) []*Frame {
	b.out = b.room[:0]
	for len(frames) > 0 {
		f := frames[0].websocket(c.eio3, c.ws.deflate)
		if len(b.out)+len(f) > batchSize {
			if len(b.out) == 0 { // too long to be put together
				b.out, frames = f, frames[1:]
			}
			break
		}
		b.out, frames = append(b.out, f...), frames[1:]
	}
	return frames
}

// try writes what there is room for.
func (b *batch) try(fd uintptr) bool {
	n, again, err := rawio.Write(fd, b.out)
	if !again {
		b.out, b.err = b.out[n:], err
	}
	return true
}

// drain writes what is queued on a connection, as far as that does not wait.
func (b *batch) drain(c *Conn) {
	defer func() { b.out, b.err = nil, nil }()
	for {
		q, last := c.take()
		switch {
		case q == nil && last:
			c.ws.hangUp() // the reader sees the client's end, and finishes
			return
		case q == nil:
			return
		case c.ws.raw == nil:
			go c.write(nil, q.frames, q)
			return
		}
		for left := q.frames; len(left) > 0; {
			left = b.gather(c, left)
			for before := -1; len(b.out) > 0 && len(b.out) != before && b.err == nil; {
				before = len(b.out)
				if err := c.ws.raw.Write(b.attempt); err != nil {
					b.err = err
				}
			}
			if b.err != nil {
				_ = c.ws.Close()
				return // and nothing is written again: writing stays true
			}
			if len(b.out) > 0 {
				go c.write(bytes.Clone(b.out), left, q)
				return
			}
		}
		q.free()
	}
}

// write writes what is left of a queue and all that comes meanwhile, and waits for the
// client to take it.
func (c *Conn) write(first []byte, left []*Frame, q *queue) {
	b := batches.Get().(*batch)
	defer func() {
		b.out = nil
		batches.Put(b)
	}()
	b.out = first
	for {
		err := c.ws.SetWriteDeadline(time.Now().Add(c.srv.cfg.WriteTimeout))
		for err == nil && (len(b.out) > 0 || len(left) > 0) {
			if len(b.out) == 0 {
				left = b.gather(c, left)
			}
			_, err = c.ws.Write(b.out)
			b.out = nil
		}
		if err == nil && c.ws.raw != nil { // a deadline that has passed would end the next try
			err = c.ws.SetWriteDeadline(time.Time{})
		}
		if err != nil {
			_ = c.ws.Close()
			return // and nothing is written again: writing stays true
		}
		q.free()
		var last bool
		if q, last = c.take(); q == nil {
			if last {
				c.ws.hangUp() // the reader sees the client's end, and finishes
			}
			return
		}
		left = q.frames
	}
}

// take takes all that waits. Nil means that this writer is done, and last that the
// connection is too.
func (c *Conn) take() (q *queue, last bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	q, c.queue = c.queue, nil
	if q.waiting() == 0 {
		c.writing = false
		return nil, c.state != open
	}
	return q, c.state != open
}

// Hold puts off writing to websockets until Release, for whoever sends much in a
// moment: what goes to one client leaves together then. Release follows soon.
func (srv *Server) Hold() { srv.writers.hold() }

// Release lets go what Hold has put off. It does not wait for clients.
func (srv *Server) Release() { srv.writers.release() }
