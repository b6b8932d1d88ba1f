package rawsio

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
)

// Dial opens a websocket to a server, "http://127.0.0.1:8080".
func Dial(t testing.TB, url string, header ...http.Header) *Client {
	t.Helper()
	c, err := TryDial(t, url, header...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TryDial is Dial for tests of refusals.
func TryDial(t testing.TB, url string, header ...http.Header) (*Client, error) {
	return dial(t, url, "/socket.io/?EIO=4", header...)
}

// TryDialAt is TryDial for servers that are mounted elsewhere than at /socket.io/.
func TryDialAt(t testing.TB, url, path string, header ...http.Header) (*Client, error) {
	return dial(t, url, path+"?EIO=4", header...)
}

// Dial3 is Dial for protocol 3.
func Dial3(t testing.TB, url string) *Client {
	t.Helper()
	c, err := dial(t, url, "/socket.io/?EIO=3")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func dial(t testing.TB, url, path string, header ...http.Header) (*Client, error) {
	t.Helper()
	var h http.Header
	if len(header) > 0 {
		h = header[0]
	}
	d := websocket.Dialer{HandshakeTimeout: Patience}
	conn, resp, err := d.Dial( //nolint:bodyclose // gorilla's Dial leaves nothing to close
		"ws"+strings.TrimPrefix(url, "http")+path+"&transport=websocket", h)
	if err != nil {
		if resp != nil {
			err = fmt.Errorf("%w: %s", err, resp.Status)
		}
		return nil, err
	}
	c := newClient(t)
	c.send = func(packet string) error {
		c.writing.Lock()
		defer c.writing.Unlock()
		return conn.WriteMessage(websocket.TextMessage, []byte(packet))
	}
	c.raw, c.Header = conn, resp.Header
	c.quit = func() { _ = conn.Close() }
	t.Cleanup(c.Close)
	go func() {
		for {
			kind, b, err := conn.ReadMessage()
			if err != nil {
				c.change(func() { c.closed = err })
				return
			}
			c.hear(text(kind, b))
		}
	}()
	return c, nil
}

// DialDeaf opens a websocket, joins a namespace and never reads again.
func DialDeaf(t testing.TB, url, ns string) *websocket.Conn {
	t.Helper()
	d := websocket.Dialer{HandshakeTimeout: Patience, ReadBufferSize: 512}
	conn, _, err := d.Dial( //nolint:bodyclose // gorilla's Dial leaves nothing to close
		"ws"+strings.TrimPrefix(url, "http")+"/socket.io/?EIO=4&transport=websocket", nil)
	if err == nil {
		err = conn.WriteMessage(websocket.TextMessage, []byte("40"+ns+","))
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}
