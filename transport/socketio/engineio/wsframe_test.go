package engineio_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/example/switchyard/internal/rawsio"
	"github.com/example/switchyard/internal/testenv"
	"github.com/example/switchyard/transport/socketio/engineio"
)

var frame = rawsio.Frame // of a client

// raw dials, and sends bytes of the test's own making.
func (s *site) raw() (*websocket.Conn, net.Conn) {
	c := s.dial("EIO=4&transport=websocket")
	if _, _, err := c.ReadMessage(); err != nil {
		s.t.Fatal(err)
	}
	return c, c.NetConn()
}

func TestFramesInAnyShape(t *testing.T) {
	t.Parallel()
	s := start(t, engineio.Config{})
	c, conn := s.raw()
	long := "4" + strings.Repeat("0123456789", 20_000)
	var all []byte
	for _, f := range [][]byte{
		frame(0x81, "4whole"),
		frame(0x01, "4in "), frame(0x89, "ping"), frame(0x00, ""), frame(0x00, "three "), frame(0x8a, "pong"), frame(0x80, "parts"),
		frame(0x81, long),
		frame(0x01, long[:70_000]), frame(0x80, long[70_000:]),
		frame(0x82, "\x01\x02\x03"),
		frame(0x81, "4"+strings.Repeat("x", 124)), frame(0x81, "4"+strings.Repeat("y", 125)), frame(0x81, "4"+strings.Repeat("z", 65_534)), frame(0x81, "4"+strings.Repeat("z", 65_535)),
		frame(0x82, ""),
	} {
		all = append(all, f...)
	}
	go func() {
		for i := 0; i < len(all); { // in pieces that respect nothing
			n := min(len(all)-i, 1+i*7%4096)
			if _, err := conn.Write(all[i : i+n]); err != nil {
				return
			}
			i += n
		}
	}()
	ponged := make(chan string, 1)
	c.SetPongHandler(func(data string) error { ponged <- data; return nil })
	for _, want := range []string{
		"4whole", "4in three parts", long, long, "\x01\x02\x03",
		"4" + strings.Repeat("x", 124), "4" + strings.Repeat("y", 125), "4" + strings.Repeat("z", 65_534), "4" + strings.Repeat("z", 65_535), "",
	} {
		s.expect(c, want)
	}
	if got := <-ponged; got != "ping" {
		t.Errorf("a ping is answered with %q", got)
	}
}

// Each of these ends the websocket, with a reason where the client is to blame.
func TestWebSocketProtocolErrors(t *testing.T) {
	t.Parallel()
	unmasked := []byte{0x81, 0x02, '4', 'x'}
	huge := append(binary.BigEndian.AppendUint64([]byte{0x81, 0xff}, 1<<63), 0, 0, 0, 0)
	for name, tc := range map[string]struct {
		sent   []byte
		code   int // of the close frame that answers; 0 for none
		reason string
	}{
		"no mask":                      {unmasked, 1002, engineio.TransportError},
		"reserved bit 1":               {frame(0xc1, "4x"), 1002, engineio.TransportError},
		"reserved bit 2":               {frame(0xa1, "4x"), 1002, engineio.TransportError},
		"unknown opcode":               {frame(0x83, "4x"), 1002, engineio.TransportError},
		"unknown control":              {frame(0x8b, "4x"), 1002, engineio.TransportError},
		"continuation of nothing":      {frame(0x80, "x"), 1002, engineio.TransportError},
		"a message within a message":   {append(frame(0x01, "4x"), frame(0x81, "4y")...), 1002, engineio.TransportError},
		"a long ping":                  {frame(0x89, strings.Repeat("x", 126)), 1002, engineio.TransportError},
		"a ping in parts":              {frame(0x09, "x"), 1002, engineio.TransportError},
		"too long":                     {frame(0x81, "4"+strings.Repeat("x", 1000)), 1009, engineio.TransportError},
		"too long in parts":            {append(frame(0x01, "4"+strings.Repeat("x", 600)), frame(0x80, strings.Repeat("x", 600))...), 1009, engineio.TransportError},
		"longer than can be":           {huge, 1009, engineio.TransportError},
		"a close":                      {frame(0x88, "\x03\xe8bye"), 1000, engineio.TransportClose},
		"a close without a code":       {frame(0x88, ""), 1000, engineio.TransportClose},
		"a close of one byte":          {frame(0x88, "x"), 1002, engineio.TransportError},
		"a close with a bad code":      {frame(0x88, "\x03\xed"), 1002, engineio.TransportError},
		"a close that is not UTF-8":    {frame(0x88, "\x03\xe8\xff"), 1002, engineio.TransportError},
		"the end in the middle of one": {frame(0x81, "4xxx")[:7], 0, engineio.TransportClose},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, engineio.Config{MaxPayload: 1000})
			c, conn := s.raw()
			defer c.Close()
			if _, err := conn.Write(tc.sent); err != nil {
				t.Fatal(err)
			}
			if half, ok := conn.(*net.TCPConn); ok && tc.code == 0 {
				if err := half.CloseWrite(); err != nil {
					t.Fatal(err)
				}
			}
			_, _, err := c.ReadMessage()
			var closed *websocket.CloseError
			if errors.As(err, &closed) && closed.Code == websocket.CloseAbnormalClosure {
				closed = nil // gorilla's word for none
			}
			if got := closed; (got != nil) != (tc.code != 0) || got != nil && got.Code != tc.code {
				t.Errorf("closed with %v, want %d", err, tc.code)
			}
			s.ends(tc.reason)
		})
	}
}

// A client that takes nothing for a while gets everything afterwards, in order, and
// holds nobody up meanwhile.
func TestAClientThatTakesItsTime(t *testing.T) {
	t.Parallel()
	s := start(t, engineio.Config{QueueBytes: 64 << 20, QueueMessages: 1 << 20})
	slow, _ := s.raw()
	sender := s.opened(1)
	quick, _ := s.raw()
	other := s.opened(2)
	const n = 4000
	text := func(i int) string {
		return string(binary.BigEndian.AppendUint32(nil, uint32(i))) + strings.Repeat("x", i%3*4000)
	}
	for i := range n { // more than the buffers between us take
		sender.Send(false, engineio.Text(text(i)))
	}
	for range 3 {
		other.Send(false, engineio.Text("quick"))
		s.expect(quick, "4quick")
	}
	if err := slow.SetReadDeadline(time.Now().Add(patience + testenv.Late)); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if _, got, err := slow.ReadMessage(); err != nil || !bytes.Equal(got, []byte("4"+text(i))) {
			t.Fatalf("message %d: %d bytes (%v)", i, len(got), err)
		}
	}
	sender.Send(false, engineio.Text("after")) // without waiting again
	s.expect(slow, "4after")
}

func TestWhatIsHeldLeavesOnRelease(t *testing.T) {
	t.Parallel()
	s := start(t, engineio.Config{})
	var clients []*websocket.Conn
	var conns []*engineio.Conn
	for n := range 12 { // more than one writer takes
		c, _ := s.raw()
		clients, conns = append(clients, c), append(conns, s.opened(n+1))
	}
	for _, count := range []int{1, 3, 12} {
		s.srv.Hold()
		s.srv.Hold()
		for _, c := range conns[:count] {
			c.Send(false, engineio.OwnText([]byte("a")))
			c.Send(false, engineio.OwnText([]byte("b")))
		}
		s.srv.Release()
		if waiting := conns[0].Waiting(); waiting != 2 {
			t.Errorf("%d frames wait while they are held, want 2", waiting)
		}
		s.srv.Release()
		for _, c := range clients[:count] {
			s.expect(c, "4a")
			s.expect(c, "4b")
		}
	}
	s.srv.Hold()
	for range 64 { // enough for a system call: no reason to wait
		conns[0].Send(false, engineio.Text("c"))
	}
	s.expect(clients[0], "4c")
	s.srv.Release()
}
