// Package sockets is the Socket.IO server: github.com/zishang520/socket.io/v2 with
// what is wrong with it put right through its public seams, and nothing of it
// shown. It is the only package that imports the library, so a move to the
// library's successor changes this folder alone.
//
// The library keeps what it does well: the Engine.IO handshake, long polling, the
// heartbeat, the upgrade, the CONNECT and DISCONNECT of namespaces. Taken over are
// the paths on which it loses, reorders or crashes:
//
//   - Transports (websocket.go, polling.go): builders of our own in the library's
//     table. A websocket is read only after its connection is wired, written by one
//     goroutine on demand from a bounded queue, and closed after the queue is
//     flushed. A polling transport answers its handshake only then.
//   - Reading (conn.go, packet.go): events go from the goroutine that reads them
//     straight to the Handler, in order, with their arguments as raw JSON. The
//     library would decode them to any and start two goroutines for each.
//   - Joining (server.go): a socket is bound in the namespace's middleware, before
//     the client hears CONNECT, so that no event comes before its handler.
//   - Rooms and broadcasts (rooms.go, frame.go): an index of our own under one lock,
//     and one encoded frame shared by all sockets that get it.
//   - Panics: what runs on a goroutine of the library or of a client is recovered,
//     logged, and ends that connection only.
//
// This package knows no command and no user; Handler decides all. Start at Server.
package sockets

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"time"
)

// Config is what a Server can be told. Zero values take the defaults.
type Config struct {
	Path           string        // "/socket.io/"
	PingInterval   time.Duration // 25 s
	PingTimeout    time.Duration // 20 s
	ConnectTimeout time.Duration // 5 s: a connection without a namespace is closed
	MaxPayload     int64         // 1,000,000 bytes in one message
	QueueMessages  int           // 4,096 frames that wait for one connection
	QueueBytes     int           // 4 MiB that wait for one connection

	// Allow refuses handshakes, before anything else of a connection runs. Nil: all
	// are allowed.
	Allow func(*http.Request) error

	Log *slog.Logger // required
}

func (c *Config) setDefaults() {
	set := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	set(&c.PingInterval, 25*time.Second)
	set(&c.PingTimeout, 20*time.Second)
	set(&c.ConnectTimeout, 5*time.Second)
	if c.Path == "" {
		c.Path = "/socket.io/"
	}
	if c.MaxPayload == 0 {
		c.MaxPayload = 1_000_000
	}
	if c.QueueMessages == 0 {
		c.QueueMessages = 4096
	}
	if c.QueueBytes == 0 {
		c.QueueBytes = 4 << 20
	}
}

// A Handler is told what happens on the sockets.
type Handler interface {
	// Connect admits a socket to its namespace, or refuses it with an error; a
	// *Refusal says why to the client. It runs before the client hears CONNECT.
	Connect(*Socket) error

	// Event gets one event. The events of a connection come one at a time, in the
	// order in which they were sent, on the goroutine that reads it: while Event
	// runs, nothing more is read from that client.
	Event(*Socket, Event)

	// Disconnect follows every Connect that returned nil, once, after the socket has
	// left its rooms.
	Disconnect(s *Socket, rooms []string, reason string)
}

// An Event is what a client has sent. Its arguments may be kept.
type Event struct {
	Name string
	Args []json.RawMessage
	Ack  AckID // to be answered with Socket.Ack
}

// An AckID names the acknowledgement that a client waits for; NoAck is none.
type AckID int64

// NoAck is the AckID of an event that the client wants no answer to.
const NoAck AckID = -1

// A Refusal is an error that a refused client sees as connect_error, with data.
type Refusal struct {
	Message string
	Data    json.RawMessage
}

func (r *Refusal) Error() string { return r.Message }

// A Handshake is what a client said when it connected.
type Handshake struct {
	Auth    json.RawMessage // an object, {} for none
	Header  http.Header
	Query   map[string][]string
	Address string // host and port of the peer
	Secure  bool
}
