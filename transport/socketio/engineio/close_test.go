package engineio_test

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/example/switchyard/internal/testenv"
	"github.com/example/switchyard/transport/socketio/engineio"
)

// What was sent before Close arrives, also at a client that reads slowly and still sends: a
// connection that is closed with something unread is reset, and what is on its way lost.
func TestCloseLosesNothing(t *testing.T) {
	t.Parallel()
	for _, talks := range []bool{false, true} {
		t.Run(fmt.Sprint("the client sends: ", talks), func(t *testing.T) {
			t.Parallel()
			const messages = 40
			big := strings.Repeat("x", 50_000)
			s := start(t, engineio.Config{MaxPayload: 1e6})
			d := websocket.Dialer{NetDial: func(network, address string) (net.Conn, error) {
				c, err := net.Dial(network, address)
				if err == nil {
					err = c.(*net.TCPConn).SetReadBuffer(16 << 10)
				}
				return c, err
			}}
			ws, _, err := d.Dial("ws"+strings.TrimPrefix(s.url, "http")+"/?EIO=4&transport=websocket", nil)
			if err != nil {
				t.Fatal(err)
			}
			defer ws.Close()
			if _, _, err := ws.ReadMessage(); err != nil {
				t.Fatal(err)
			}
			c := s.opened(1)
			for range messages {
				c.Send(false, engineio.Text(big))
			}
			c.Close()
			for got := 0; ; got++ {
				if err := ws.SetReadDeadline(time.Now().Add(patience)); err != nil {
					t.Fatal(err)
				}
				if talks { // once the server has closed, too
					_ = ws.WriteMessage(websocket.TextMessage, []byte("4command"))
				}
				if _, _, err := ws.ReadMessage(); err != nil {
					if got != messages || !websocket.IsCloseError(err, websocket.CloseNormalClosure) {
						t.Errorf("%d of %d messages, then %v", got, messages, err)
					}
					return
				}
			}
		})
	}
}

// The PING of a websocket that is being tried is answered there, and not in a poll.
func TestAPingWhileProbing(t *testing.T) {
	t.Parallel()
	s := start(t, engineio.Config{})
	query := s.session(polling)
	ws := s.dial(strings.Replace(query, "polling", "websocket", 1))
	pong := make(chan string, 1)
	ws.SetPongHandler(func(data string) error { pong <- data; return nil })
	if err := ws.WriteControl(websocket.PingMessage, []byte("4forged"), time.Now().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	s.send(ws, "2probe")
	s.expect(ws, "3probe") // reading it handles the pong, which comes first
	select {
	case got := <-pong:
		if got != "4forged" {
			t.Errorf("the pong is %q", got)
		}
	default:
		t.Error("there is no pong")
	}
	if _, body := s.get(query); body != "6" {
		t.Errorf("the poll brings %q", body)
	}
}

// Who closes is answered, after what was being written, and ends once; nobody stays.
func TestACloseIsAnsweredUnderLoad(t *testing.T) {
	t.Parallel()
	s := start(t, engineio.Config{QueueBytes: 64 << 20, QueueMessages: 1 << 20})
	const clients = 100
	stop := make(chan struct{})
	var flood, leaving sync.WaitGroup
	flood.Go(func() {
		for f := engineio.Text("hello"); ; {
			select {
			case <-stop:
				return
			default:
			}
			s.srv.Hold()
			for _, c := range s.srv.All() {
				c.Send(false, f)
			}
			s.srv.Release()
		}
	})
	for range clients {
		c, conn := s.raw()
		leaving.Go(func() {
			_, err := conn.Write(frame(0x88, "\x03\xe8bye"))
			for err == nil {
				_, _, err = c.ReadMessage()
			}
			if !websocket.IsCloseError(err, websocket.CloseNormalClosure) {
				t.Error(err)
			}
			_ = c.Close()
		})
	}
	leaving.Wait()
	testenv.WaitFor(t, patience, "all to end", func() bool { return len(s.srv.All()) == 0 })
	close(stop)
	flood.Wait()
	if ends := len(s.h.reasons()); ends != clients {
		t.Errorf("%d ends of %d clients", ends, clients)
	}
}

// Whoever waits for a connection to close learns of it also when it was the client that said so.
func TestClosingIsToldOfAClientsCloseFrame(t *testing.T) {
	t.Parallel()
	s := start(t, engineio.Config{})
	ws := s.dial("EIO=4&transport=websocket")
	c := s.opened(1)
	closing := c.Closing()
	if err := ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	select {
	case <-closing:
	case <-time.After(patience):
		t.Error("Closing is not closed")
	}
}
