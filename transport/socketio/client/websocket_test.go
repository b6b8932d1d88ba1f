package client

import (
	"bufio"
	"crypto/sha1" //nolint:gosec // what RFC 6455 says
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
)

// A server that reads slowly, but reads, is not cut, however much is sent at once.
func TestASlowReaderHasTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		var server sync.WaitGroup
		defer server.Wait()
		defer near.Close()
		server.Go(func() { readSlowly(far) })
		d := websocket.Dialer{NetDial: func(string, string) (net.Conn, error) { return near, nil }}
		conn, _, err := d.DialContext(t.Context(), "ws://slow", nil)
		if err != nil {
			t.Fatal(err)
		}
		w := &webSocket{conn: conn}
		batch := slices.Repeat([]message{{text: make([]byte, 1000), attachments: [][]byte{make([]byte, 1000)}}}, 5)
		began := time.Now()
		if err := w.write(batch); err != nil {
			t.Errorf("cut after %s: %v", time.Since(began), err)
		}
	})
}

// readSlowly opens a websocket and takes 1 kB in 3 s, of the synctest bubble's clock.
func readSlowly(conn net.Conn) {
	r, err := http.ReadRequest(bufio.NewReader(conn))
	if err != nil {
		return
	}
	sum := sha1.Sum([]byte(r.Header.Get("Sec-Websocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) //nolint:gosec // as above
	_, err = fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
		base64.StdEncoding.EncodeToString(sum[:]))
	for err == nil {
		time.Sleep(3 * time.Second)
		_, err = io.CopyN(io.Discard, conn, 1000)
	}
}
