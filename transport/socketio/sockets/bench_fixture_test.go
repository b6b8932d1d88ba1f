package sockets_test

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/zishang520/socket.io/v2/socket"

	"github.com/example/switchyard/internal/rawsio"
	"github.com/example/switchyard/transport/socketio/engineio"
	"github.com/example/switchyard/transport/socketio/sockets"
)

// A subject is a server to measure. It has the namespace "/", where "n" does nothing
// and "ack" is acknowledged with its argument.
type subject struct {
	handler   http.Handler
	broadcast func(payload json.RawMessage)
}

var subjects = map[string]func() subject{
	"ours":    ours,
	"library": asItComes,
}

func ours() subject {
	srv := sockets.New(sockets.Config{Engine: engineio.Config{Log: quietLog}}, []string{"/"}, benchHandler{})
	return subject{srv, func(payload json.RawMessage) {
		srv.Broadcast("/", sockets.Audience{Everyone: true}, "n", sockets.JSON(payload), false)
	}}
}

var quietLog = slog.New(slog.DiscardHandler)

type benchHandler struct{}

func (benchHandler) Connect(*sockets.Socket) error { return nil }

func (benchHandler) Disconnect(*sockets.Socket, string) {}

func (benchHandler) Exceeded(*sockets.Socket, sockets.AckID, sockets.Limit) {}

func (benchHandler) Event(s *sockets.Socket, e sockets.Event) {
	received.Add(1)
	s.Ack(e.Ack, sockets.JSON(e.Args[0]))
}

var received atomic.Int64

func asItComes() subject {
	opts := socket.DefaultServerOptions()
	opts.SetServeClient(false)
	io := socket.NewServer(nil, opts)
	check(io.On("connection", func(args ...any) {
		s := args[0].(*socket.Socket)
		check(s.On("n", func(...any) { received.Add(1) }))
		check(s.On("ack", func(args ...any) {
			received.Add(1)
			args[1].(socket.Ack)([]any{args[0]}, nil)
		}))
	}))
	return subject{io.ServeHandler(nil), func(payload json.RawMessage) {
		var v any
		check(json.Unmarshal(payload, &v)) // it takes values, and encodes them
		io.Emit("n", v)
	}}
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

// serve starts a subject and returns its address.
func serve(b *testing.B, name string) (subject, string) {
	b.Helper()
	s := subjects[name]()
	mux := http.NewServeMux()
	mux.Handle("/socket.io/", s.handler)
	web := httptest.NewServer(mux)
	b.Cleanup(web.Close)
	return s, strings.TrimPrefix(web.URL, "http://")
}

// A bare client is a websocket that has joined "/".
type bare struct {
	net.Conn
	r   *bufio.Reader
	got int
}

func dialBare(address string) (*bare, error) { return dialBareWith(address, "40") }

// dialBareWith sends packets in one breath, the first of them CONNECT.
func dialBareWith(address string, packets ...string) (*bare, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	c := &bare{Conn: conn, r: bufio.NewReaderSize(conn, 512)}
	_, err = io.WriteString(conn, "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: "+address+
		"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"+
		"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36\r\n\r\n")
	if err != nil {
		return nil, err
	}
	for line := ""; line != "\r\n"; {
		if line, err = c.r.ReadString('\n'); err != nil {
			return nil, err
		}
	}
	if _, err := c.frame(); err != nil { // the open packet
		return nil, err
	}
	var frames []byte
	for _, p := range packets {
		frames = append(frames, masked(p)...)
	}
	if _, err := conn.Write(frames); err != nil {
		return nil, err
	}
	if err := conn.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return nil, err
	}
	b, err := c.frame()
	if err == nil && !strings.HasPrefix(string(b), "40{") {
		err = fmt.Errorf("CONNECT answered with %q", b)
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return c, conn.SetReadDeadline(time.Time{})
}

// masked is a client's text frame.
func masked(text string) []byte { return rawsio.Frame(0x81, text) }

// frame reads one frame of less than 64 KiB.
func (c *bare) frame() ([]byte, error) {
	h := make([]byte, 4)
	if _, err := io.ReadFull(c.r, h[:2]); err != nil {
		return nil, err
	}
	n := int(h[1])
	if n == 126 {
		if _, err := io.ReadFull(c.r, h[2:4]); err != nil {
			return nil, err
		}
		n = int(binary.BigEndian.Uint16(h[2:4]))
	}
	b := make([]byte, n)
	_, err := io.ReadFull(c.r, b)
	return b, err
}

func dialMany(b *testing.B, address string, n int) []*bare {
	b.Helper()
	all := make([]*bare, n)
	for i := range all {
		c, err := dialBare(address)
		for tries := 0; err != nil && tries < 10; tries++ { // the library drops some CONNECTs
			c, err = dialBare(address)
		}
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = c.Close() })
		all[i] = c
	}
	return all
}

func cpu() time.Duration {
	var u syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// measured runs f, which does n things, and reports the costs of one.
func measured(b *testing.B, n int, what string, f func()) {
	b.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	began := cpu()
	b.ResetTimer()
	f()
	b.StopTimer()
	used := cpu() - began
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(used)/float64(n), "cpu-ns/"+what)
	b.ReportMetric(float64(after.Mallocs-before.Mallocs)/float64(n), "allocs/"+what)
	b.ReportMetric(0, "ns/op")
}

func await(b *testing.B, what string, done func() bool) {
	b.Helper()
	for deadline := time.Now().Add(30 * time.Second); !done(); time.Sleep(100 * time.Microsecond) {
		if time.Now().After(deadline) {
			b.Fatal("never came: ", what)
		}
	}
}
