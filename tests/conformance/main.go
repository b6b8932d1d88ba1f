// Command conformance serves what the official test suites of Engine.IO v4 and
// Socket.IO v5 talk to, on the socket layer of the service. Run one of them against
// it, with its URL set to the address:
//
//	go run ./tests/conformance -addr 127.0.0.1:3000
//
// The suites are in the docs folder of https://github.com/socketio/socket.io. Our
// own tests of the same behaviours are beside the code.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/example/switchyard/internal/cors"
	"github.com/example/switchyard/transport/socketio/engineio"
	"github.com/example/switchyard/transport/socketio/sockets"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:3000", "where to serve")
	eio3 := flag.Bool("eio3", false, "let clients of protocol 3 in")
	flag.Parse()
	if err := serve(*addr, *eio3); !errors.Is(err, http.ErrServerClosed) {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		os.Exit(1)
	}
}

func serve(addr string, eio3 bool) error {
	engine := engineio.Config{
		PingInterval: 300 * time.Millisecond, PingTimeout: 200 * time.Millisecond, MaxPayload: 1_000_000,
		AllowEIO3: eio3, Log: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	}
	mux := http.NewServeMux()
	mux.Handle("/engine.io/", engineio.New(engine, echo{}))
	mux.Handle("/socket.io/", sockets.New(sockets.Config{Engine: engine, ConnectTimeout: time.Second}, []string{"/", "/custom"}, fixture{}))
	all := cors.Policy{Origins: []string{"*"}}
	server := &http.Server{Addr: addr, Handler: all.Middleware(mux), ReadHeaderTimeout: 5 * time.Second}
	return server.ListenAndServe()
}

// echo is the Engine.IO fixture: it sends back every message.
type echo struct{}

func (echo) Open(c *engineio.Conn) engineio.Receiver { return echoes{c} }

type echoes struct{ conn *engineio.Conn }

func (e echoes) Message(data []byte, binary bool) {
	if binary {
		e.conn.Send(false, engineio.Binary(data))
		return
	}
	e.conn.Send(false, engineio.Text(string(data)))
}

func (echoes) Close(string) {}

// fixture is the Socket.IO fixture.
type fixture struct{}

func (fixture) Connect(s *sockets.Socket) error {
	s.Emit("auth", sockets.JSON(s.Handshake().Auth))
	return nil
}

func (fixture) Event(s *sockets.Socket, e sockets.Event) {
	switch e.Name {
	case "message":
		s.Emit("message-back", same(e))
	case "message-with-ack":
		s.Ack(e.Ack, same(e))
	default:
		s.Emit("error", sockets.JSON(json.RawMessage(`"no such event"`)))
	}
}

// same is an event's arguments as they came. The suite's binary data are arguments.
func same(e sockets.Event) sockets.Payload {
	all, _ := json.Marshal(append([]json.RawMessage{}, e.Args...)) // JSON: cannot fail
	p := sockets.Payload{JSON: all, Spread: true}
	if e.Attachments > 0 {
		p.Binary = []string{"/*"}
	}
	return p
}

func (fixture) Exceeded(*sockets.Socket, sockets.AckID, sockets.Limit) {} // there are none

func (fixture) Disconnect(*sockets.Socket, string) {}
