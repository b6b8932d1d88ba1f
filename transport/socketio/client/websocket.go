package client

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/gorilla/websocket"
)

// A webSocket is a transport. Its close may come at any time.
type webSocket struct {
	conn    *websocket.Conn
	silence time.Duration
}

// dialWebSocket opens one, of an Engine.IO connection that there is already if sid says
// which.
func (l *link) dialWebSocket(ctx context.Context, sid string) (*webSocket, error) {
	stop := func() bool { return true }
	d := websocket.Dialer{Proxy: http.ProxyFromEnvironment, TLSClientConfig: l.opts.tls, Jar: l.jar}
	d.NetDialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		if err == nil { // the library heeds ctx only while it connects, and not while the server keeps silent
			stop = context.AfterFunc(ctx, func() { _ = conn.Close() })
		}
		return conn, err
	}
	to := l.address(WebSocket, sid)
	to.Scheme = "ws" + to.Scheme[len("http"):]
	conn, resp, err := d.DialContext(ctx, to.String(), l.opts.header) //nolint:bodyclose // gorilla's Dial leaves nothing to close
	stop()
	if err != nil {
		if resp != nil {
			err = fmt.Errorf("%w: %s", err, resp.Status)
		}
		return nil, unreachable(ctx, err)
	}
	conn.SetReadLimit(int64(l.opts.bytes))
	return &webSocket{conn: conn, silence: l.opts.timeout}, nil
}

// address is where requests go.
func (l *link) address(transport, sid string) url.URL {
	to := l.url
	q := to.Query()
	q.Set("EIO", "4")
	q.Set("transport", transport)
	if sid != "" {
		q.Set("sid", sid)
	}
	to.RawQuery = q.Encode()
	return to
}

func (w *webSocket) name() string { return WebSocket }

func (w *webSocket) read() (data []byte, binary bool, err error) {
	if err := w.conn.SetReadDeadline(time.Now().Add(w.silence)); err != nil {
		return nil, false, err
	}
	kind, data, err := w.conn.ReadMessage()
	return data, kind == websocket.BinaryMessage, err
}

func (w *webSocket) write(batch []message) error {
	for _, m := range batch {
		if len(m.text) > 0 {
			if err := w.message(websocket.TextMessage, m.text); err != nil {
				return err
			}
		}
		for _, a := range m.attachments {
			if err := w.message(websocket.BinaryMessage, a); err != nil {
				return err
			}
		}
		if m.last {
			goodbye := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
			return w.conn.WriteControl(websocket.CloseMessage, goodbye, time.Now().Add(writeTimeout))
		}
	}
	return nil
}

// message has a deadline of its own: a server that reads slowly may need longer for a batch.
func (w *webSocket) message(kind int, data []byte) error {
	if err := w.conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	return w.conn.WriteMessage(kind, data)
}

func (w *webSocket) close() { _ = w.conn.Close() }
