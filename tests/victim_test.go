package tests

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// A victim is a node under attack, as seen by its attackers.
type victim struct {
	*testing.T
	url string
}

// socket opens a websocket and sends packets, whether or not the node still takes them.
func (v victim) socket(packets ...string) *websocket.Conn {
	v.Helper()
	c, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(v.url, "http")+"/socket.io/?EIO=4&transport=websocket", nil)
	if err != nil {
		v.Fatal(err)
	}
	for _, p := range packets {
		_ = c.WriteMessage(websocket.TextMessage, []byte(p))
	}
	return c
}

// drained reads what the node sends until it closes, or for a while.
func drained(c *websocket.Conn) {
	_ = c.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
	for {
		if _, _, err := c.ReadMessage(); err != nil {
			_ = c.Close()
			return
		}
	}
}

const openPolling = "/socket.io/?EIO=4&transport=polling"

// session opens one over polling and returns the address of its requests.
func (v victim) session() string {
	v.Helper()
	resp, err := http.Get(v.url + openPolling)
	if err != nil {
		v.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	_, rest, ok := strings.Cut(string(b), `"sid":"`)
	if err != nil || !ok {
		v.Fatalf("%v %s", err, b)
	}
	sid, _, _ := strings.Cut(rest, `"`)
	return v.url + openPolling + "&sid=" + sid
}

// post posts a body and expects an answer, whatever it is.
func (v victim) post(url, contentType string, body io.Reader) int {
	v.Helper()
	resp, err := http.Post(url, contentType, body)
	if err != nil {
		return 0 // cut off while it sent
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

// reset opens a connection, sends a request and cuts it hard.
func (v victim) reset(url string) {
	u := strings.TrimPrefix(url, "http://")
	host, path, _ := strings.Cut(u, "/")
	conn, err := net.Dial("tcp", host)
	if err != nil {
		v.Fatal(err)
	}
	fmt.Fprintf(conn, "GET /%s HTTP/1.1\r\nHost: %s\r\n\r\n", path, host)
	_ = conn.(*net.TCPConn).SetLinger(0)
	_ = conn.Close()
}
