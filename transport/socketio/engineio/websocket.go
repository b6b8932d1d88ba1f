package engineio

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// attach makes ws the connection's websocket. Nobody else knows of one of them yet.
func (c *Conn) attach(ws *websocket.Conn, r *http.Request) {
	c.ws = ws
	c.deflate = c.srv.cfg.Compression && deflates(r)
	c.prepare(ws)
}

// deflates tells what the upgrader agreed with the client: it does not say.
func deflates(r *http.Request) bool {
	return strings.Contains(strings.Join(r.Header["Sec-Websocket-Extensions"], ","), "permessage-deflate")
}

// prepare puts our own writing in place of gorilla's, which takes a system call for
// each frame.
func (c *Conn) prepare(ws *websocket.Conn) {
	ws.SetReadLimit(c.srv.cfg.MaxPayload)
	ws.SetPingHandler(func(data string) error {
		c.Send(false, newFrame(opPong, data))
		return nil
	})
	// A close frame of the peer ends the reading, and that the connection.
	ws.SetCloseHandler(func(int, string) error { return nil })
}

// read reads a websocket until it ends.
func (c *Conn) read(ws *websocket.Conn) {
	for {
		binary, data, err := c.next(ws)
		if err != nil {
			c.finish(readError(err))
			return
		}
		c.handling.Lock()
		switch {
		case !binary:
			c.text(data)
		case c.eio3 && len(data) > 0: // the packet's type comes first
			c.message(data[1:], true)
		default:
			c.message(data, true)
		}
		c.handling.Unlock()
	}
}

func readError(err error) string {
	var closed *websocket.CloseError
	var network net.Error
	if errors.As(err, &closed) || errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) {
		return TransportClose
	}
	return TransportError
}

var errTooLong = errors.New("a message is longer than allowed")

// scratch are buffers for messages whose length is not known before they are read.
var scratch = sync.Pool{New: func() any { return new(bytes.Buffer) }}

const scratchMax = 64 << 10 // a buffer that has grown over this is not kept

// next reads one message, into memory of its own and of its size.
func (c *Conn) next(ws *websocket.Conn) (binary bool, data []byte, err error) {
	kind, r, err := ws.NextReader()
	if err != nil {
		return false, nil, err
	}
	buf := scratch.Get().(*bytes.Buffer)
	defer func() {
		if buf.Cap() <= scratchMax {
			scratch.Put(buf)
		}
	}()
	buf.Reset()
	// The read limit counts what came over the wire; this counts what it inflates to.
	if _, err = buf.ReadFrom(io.LimitReader(r, c.srv.cfg.MaxPayload+1)); err != nil {
		return false, nil, err
	}
	if int64(buf.Len()) > c.srv.cfg.MaxPayload {
		return false, nil, errTooLong
	}
	return kind == websocket.BinaryMessage, bytes.Clone(buf.Bytes()), nil
}

const batchSize = 64 << 10 // bytes put together for one system call

var batches = sync.Pool{New: func() any { b := make([]byte, 0, batchSize); return &b }}

// write drains the queue: small frames are put together for one system call.
func (c *Conn) write() {
	conn := c.ws.NetConn()
	batch := batches.Get().(*[]byte)
	defer batches.Put(batch)
	for {
		frames, last := c.take()
		if len(frames) == 0 {
			if last {
				_ = conn.Close() // the reader sees it and finishes
			}
			return
		}
		err := conn.SetWriteDeadline(time.Now().Add(c.srv.cfg.WriteTimeout))
		for len(frames) > 0 && err == nil {
			b := (*batch)[:0]
			for len(frames) > 0 {
				f := frames[0].websocket(c)
				if len(b)+len(f) > cap(b) {
					if len(b) == 0 { // too long to be put together
						b, frames = f, frames[1:]
					}
					break
				}
				b, frames = append(b, f...), frames[1:]
			}
			_, err = conn.Write(b)
		}
		if err != nil {
			_ = conn.Close()
			return // and nothing is written again: writing stays true
		}
	}
}

// take takes all that waits. Nothing means that this writer is done, and last that
// the connection is too.
func (c *Conn) take() (frames []*Frame, last bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	frames, c.queue, c.bytes = c.queue, nil, 0
	if len(frames) == 0 {
		c.writing = false
	}
	return frames, c.state != open
}

// serveUpgrade lets a websocket take over from polling: the client probes it, lets
// its polls end, and says so.
func (c *Conn) serveUpgrade(w http.ResponseWriter, r *http.Request) {
	ws, err := c.srv.upgrader.Upgrade(w, r, nil)
	if err != nil {
		return // answered by the upgrader
	}
	c.mu.Lock()
	refused := c.state != open || c.ws != nil || c.probe != nil
	if !refused {
		c.probe = ws
	}
	c.mu.Unlock()
	if refused {
		_ = ws.Close()
		return
	}
	c.prepare(ws)
	go c.takeOver(ws, c.srv.cfg.Compression && deflates(r))
}

func (c *Conn) takeOver(ws *websocket.Conn, deflate bool) {
	if !c.probing(ws, deflate) {
		_ = ws.NetConn().Close()
		c.mu.Lock()
		c.probe, c.probed = nil, false
		c.mu.Unlock()
		return
	}
	c.read(ws)
}

// probing has the conversation of an upgrade; false means that polling goes on.
func (c *Conn) probing(ws *websocket.Conn, deflate bool) bool {
	conn := ws.NetConn()
	if err := conn.SetDeadline(time.Now().Add(c.srv.cfg.UpgradeTimeout)); err != nil {
		return false
	}
	if _, data, err := c.next(ws); err != nil || string(data) != string(packetPing)+"probe" {
		return false
	}
	if _, err := conn.Write(probeFrame.ws); err != nil {
		return false
	}
	c.mu.Lock()
	c.probed = true
	c.wakePoll()
	c.mu.Unlock()
	if _, data, err := c.next(ws); err != nil || string(data) != string(packetUpgrade) {
		return false
	}
	if err := conn.SetDeadline(time.Time{}); err != nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state == closed {
		return false
	}
	c.ws, c.deflate, c.probe = ws, deflate, nil
	c.wakePoll() // a poll that a client left behind
	if c.state == closing {
		c.queue = append(c.queue, closeFrame)
	}
	if len(c.queue) > 0 {
		c.drain()
	}
	return true
}
