// Package engineio is an Engine.IO server: the transport below Socket.IO, which
// carries text and binary messages over long polling and websockets.
//
// It stands in place of the library's engine, behind the seam that the library has
// for that: its Socket.IO server binds to "an engine.io (or compatible) server", an
// interface. The library's own engine crashes, loses and reorders in ways that
// wrapping its transports does not reach (a goroutine for each timer, sessions that
// two goroutines close, polling that answers some requests never), and a connection
// of it holds its first request, two buffers and four goroutines for as long as it
// lives. Here a connection is one value with one queue and one timer:
//
//   - What is sent waits in the connection's queue, bounded in messages and bytes,
//     whatever the transport is. An upgrade changes who drains the queue, so that it
//     can neither lose nor reorder. A client that takes too little is cut.
//   - A websocket is read by one goroutine, into a buffer that it has only while there
//     is something to read. What waits is written by a few goroutines for all
//     connections, many frames in one system call, and without waiting: a client that
//     takes no more at the moment gets one of its own (writers.go).
//   - What arrives is handed on by the goroutine that reads it, in order.
//   - A Frame is encoded once for all connections that get it.
//
// This package knows nothing of Socket.IO and does not import the library. Start at
// Server.
package engineio

import (
	"cmp"
	"log/slog"
	"net/http"
	"time"
)

// The transports.
const (
	Polling   = "polling"
	WebSocket = "websocket"
)

// Config is what a Server can be told. Zero values take the defaults.
type Config struct {
	PingInterval   time.Duration // 25 s
	PingTimeout    time.Duration // 20 s: for the answer to a ping
	UpgradeTimeout time.Duration // 10 s: for a websocket to take over from polling
	WriteTimeout   time.Duration // 10 s: for one batch of frames to leave
	MaxPayload     int64         // 1,000,000 bytes in one message, or one body of a polling request
	QueueMessages  int           // 4,096 frames that wait for one connection
	QueueBytes     int           // 4 MiB that wait for one connection
	Transports     []string      // Polling and WebSocket

	// AllowEIO3 lets clients of protocol 3 in, JavaScript's socket.io-client 2.x.
	AllowEIO3 bool

	// Compression lets websockets and polling answers of 1 KiB and more be compressed,
	// and websocket messages that arrive; those may have MaxPayload bytes afterwards.
	Compression bool

	// ConnsPerAddress bounds the connections of one IP address, as the request's
	// RemoteAddr tells it, and of IPv6 those of a network of /64; 0 does not.
	ConnsPerAddress int

	// Allow refuses handshakes, before anything else of a connection runs. Nil: all
	// are allowed.
	Allow func(*http.Request) error

	// Traffic counts what connections bring and take. Nil: nobody counts.
	Traffic *Traffic

	Log *slog.Logger // required
}

func (c *Config) setDefaults() {
	c.PingInterval = cmp.Or(c.PingInterval, 25*time.Second)
	c.PingTimeout = cmp.Or(c.PingTimeout, 20*time.Second)
	c.UpgradeTimeout = cmp.Or(c.UpgradeTimeout, 10*time.Second)
	c.WriteTimeout = cmp.Or(c.WriteTimeout, 10*time.Second)
	c.MaxPayload = cmp.Or(c.MaxPayload, 1_000_000)
	c.QueueMessages = cmp.Or(c.QueueMessages, 4096)
	c.QueueBytes = cmp.Or(c.QueueBytes, 4<<20)
	if len(c.Transports) == 0 {
		c.Transports = []string{Polling, WebSocket}
	}
}

// A Handler makes the receiver of each new connection, before anything is read of it.
type Handler interface{ Open(*Conn) Receiver }

// A Receiver gets what one connection brings.
type Receiver interface {
	// Message gets one message. The messages of a connection come one at a time, in
	// the order in which they were sent; while Message runs, nothing more is read
	// from that client. data may be kept.
	Message(data []byte, binary bool)

	// Close follows the end of the connection, once.
	Close(reason string)
}

// Why a connection ended.
const (
	ForcedClose    = "forced close"    // Conn.Close
	TransportClose = "transport close" // the client closed it, or its network did
	TransportError = "transport error" // the client broke the protocol of its transport
	ParseError     = "parse error"     // it sent what is not a packet
	PingTimeout    = "ping timeout"
	SlowConsumer   = "slow consumer" // its queue was full
)
