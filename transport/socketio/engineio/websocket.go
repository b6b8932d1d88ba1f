package engineio

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/gorilla/websocket"
)

// attach makes conn the connection's websocket. Nobody else knows of one of them yet.
func (c *Conn) attach(conn *websocket.Conn, r *http.Request) {
	c.ws = newWebSocket(c, conn.NetConn(), c.srv.deflates(r))
}

// deflates tells what the upgrader agreed with the client: it does not say.
func (srv *Server) deflates(r *http.Request) bool {
	return srv.cfg.Compression && strings.Contains(strings.Join(r.Header["Sec-Websocket-Extensions"], ","), "permessage-deflate")
}

// read reads a websocket until it ends.
func (c *Conn) read(ws *webSocket) {
	defer ws.release()
	for {
		binary, data, err := ws.next()
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
	var network net.Error
	if errors.Is(err, errClosed) || errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) {
		return TransportClose
	}
	return TransportError
}

// serveUpgrade lets a websocket take over from polling: the client probes it, lets
// its polls end, and says so.
func (c *Conn) serveUpgrade(w http.ResponseWriter, r *http.Request) {
	conn, err := c.srv.upgrader.Upgrade(w, r, nil)
	if err != nil {
		return // answered by the upgrader
	}
	ws := newWebSocket(c, conn.NetConn(), c.srv.deflates(r))
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
	go c.takeOver(ws)
}

func (c *Conn) takeOver(ws *webSocket) {
	if !c.probing(ws) {
		ws.release()
		_ = ws.Close()
		c.mu.Lock()
		c.probe, c.probed = nil, false
		c.mu.Unlock()
		return
	}
	c.read(ws)
}

// probing has the conversation of an upgrade; false means that polling goes on.
func (c *Conn) probing(ws *webSocket) bool {
	if err := ws.SetDeadline(time.Now().Add(c.srv.cfg.UpgradeTimeout)); err != nil {
		return false
	}
	if _, data, err := ws.next(); err != nil || string(data) != string(packetPing)+"probe" {
		return false
	}
	if _, err := ws.Write(probeFrame.ws); err != nil {
		return false
	}
	c.mu.Lock()
	c.probed = true
	c.wakePoll()
	c.mu.Unlock()
	if _, data, err := ws.next(); err != nil || string(data) != string(packetUpgrade) {
		return false
	}
	if err := ws.SetDeadline(time.Time{}); err != nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state == closed {
		return false
	}
	c.ws, c.probe = ws, nil
	c.wakePoll() // a poll that a client left behind
	if c.state == closing {
		c.enqueue(closeFrame)
	}
	if c.queue.waiting() > 0 {
		c.drain()
	}
	return true
}
