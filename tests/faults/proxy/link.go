package proxy

import (
	"bytes"
	"net"
	"sync"
	"time"
)

// A link is one connection through the proxy.
type link struct {
	p              *Proxy
	client, server net.Conn
	done           chan struct{} // closed when it has ended
	once           sync.Once

	// Guarded by the proxy's mutex:
	loses bool // the server's next answer
	held  Direction
}

// A piece is what one read found; the last one of a direction says that it ended.
type piece struct {
	bytes []byte
	due   time.Time
	end   bool
}

const (
	pieceSize = 32 << 10
	piecesMax = 256 // under way in one direction
)

// pump forwards one direction until it ends, and then ends it on the other side.
func (l *link) pump(from, to net.Conn, d Direction) {
	pieces := make(chan piece, piecesMax)
	l.p.running.Go(func() { l.read(from, pieces) })
	for {
		select {
		case <-l.done:
			return
		case next := <-pieces:
			if !l.wait(d, next.due) {
				return
			}
			if next.end {
				if half, ok := to.(*net.TCPConn); ok {
					_ = half.CloseWrite() // it may have ended
				}
				return
			}
			if !l.forward(to, d, next.bytes) {
				return
			}
		}
	}
}

func (l *link) read(from net.Conn, pieces chan<- piece) {
	for {
		b := make([]byte, pieceSize)
		n, err := from.Read(b)
		l.p.mu.Lock()
		due := time.Now().Add(l.p.delay)
		l.p.mu.Unlock()
		for _, next := range []piece{{bytes: b[:n], due: due}, {end: true, due: due}} {
			if next.end && err == nil || !next.end && n == 0 {
				continue
			}
			select {
			case pieces <- next:
			case <-l.done:
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// wait waits until a piece is due and nothing holds it back; false means that the
// link has ended.
func (l *link) wait(d Direction, due time.Time) bool {
	if pause := time.Until(due); pause > 0 {
		t := time.NewTimer(pause)
		defer t.Stop()
		select {
		case <-t.C:
		case <-l.done:
			return false
		}
	}
	for {
		l.p.mu.Lock()
		held, changed := (l.p.held|l.held)&d != 0, l.p.changed
		l.p.mu.Unlock()
		if !held {
			return true
		}
		select {
		case <-changed:
		case <-l.done:
			return false
		}
	}
}

// forward writes a piece, or loses it.
func (l *link) forward(to net.Conn, d Direction, b []byte) bool {
	l.p.mu.Lock()
	switch {
	case d == ToServer && l.p.toLose > 0 && bytes.Contains(b, l.p.word):
		l.p.toLose--
		l.loses = true
	case d == ToClient && l.loses:
		l.p.lost++
		l.p.mu.Unlock()
		l.reset()
		return false
	}
	l.p.mu.Unlock()
	if _, err := to.Write(b); err != nil {
		l.reset()
		return false
	}
	return true
}

// end closes both sides.
func (l *link) end() {
	l.once.Do(func() {
		close(l.done)
		l.client.Close()
		l.server.Close()
	})
}

// reset ends both sides as a broken connection.
func (l *link) reset() {
	l.once.Do(func() {
		close(l.done)
		abort(l.client)
		abort(l.server)
	})
}

func abort(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // closing sends a reset
	}
	c.Close()
}
