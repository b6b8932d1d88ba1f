// Package sockets is the Socket.IO server: github.com/zishang520/socket.io/v2 with
// what is wrong with it put right through its public seams, and nothing of it
// shown. It is the only package that imports the library, so a move to the
// library's successor changes this folder alone.
//
// The library keeps the protocol of namespaces: CONNECT with its middleware,
// connect_error, DISCONNECT, session ids, and the differences of protocol 3. Taken
// over are the paths on which it loses, reorders or crashes:
//
//   - The engine below (library.go): Server.Bind takes "an engine.io (or compatible)
//     server"; ours is package engineio.
//   - Reading (conn.go, packet.go): events go from the goroutine that reads them
//     straight to the Handler, in order, with their arguments as raw JSON. The
//     library would decode them to any and start two goroutines for each.
//   - Binary data (attachment.go, payload.go): it is base64 in the JSON on this side, and
//     attachments on the client's.
//   - The parser (msgpack.go): packets in MessagePack become those in JSON.
//   - Joining (server.go): a socket is bound in the namespace's middleware, before
//     the client hears CONNECT, so that no event comes before its handler. Its id is
//     never made of the connection's, which is a secret.
//   - Dynamic namespaces (dynamic.go): the library would keep each for ever, or lose it while
//     somebody comes.
//   - Limits (limits.go): what one connection may send, before it costs anything.
//   - Rooms and broadcasts (rooms.go, frame.go): an index of our own under one lock,
//     and one encoded frame shared by all sockets that get it.
//   - The end (shutdown.go): a connection is sent away when its client waits for no answer.
//   - Panics: what runs on a goroutine of the library or of a client is recovered
//     and logged, and is that packet's end only.
//
// This package knows no command and no user; Handler decides all. Start at Server.
package sockets

import (
	"cmp"
	"encoding/json"
	"net/http"
	"time"

	"github.com/example/switchyard/transport/socketio/engineio"
)

// Config is what a Server can be told. Zero values take the defaults.
type Config struct {
	Engine engineio.Config // Log is required
	Path   string          // "/socket.io/": where the server is mounted
	Parser string          // ParserJSON; or ParserMsgpack, and no client speaks JSON
	Mounts []Mount         // where else

	// Serves tells whether a namespace is served at Path. Nil: all are.
	Serves func(namespace string) bool

	// Dynamic tells whether there is a namespace of this name besides those that New was
	// given. Such a one is there as long as it has sockets. Nil: there is none. A name
	// has no comma and no question mark, and does not begin with /*.
	Dynamic func(namespace string) bool

	ConnectTimeout    time.Duration // 5 s: a connection that is let into no namespace is closed
	MaxNamespaces     int           // 16 sockets of one connection
	MaxAttachments    int           // 8 binary attachments of one event
	AttachmentBytes   int           // 1,000,000 bytes of them together
	AttachmentTimeout time.Duration // 10 s until the last of them is there

	// Watcher is told what happens on the sockets, for who looks on. Nil: nobody does.
	Watcher Watcher

	// Of one connection, the sockets of all its namespaces together. Zero: no limit.
	EventRate  int // events a second; twice as many may come at once
	EventsOpen int // events that have no answer yet, see Socket.Done

	// Exceeded refuses a CONNECT that is one too many: the first MaxNamespaces of a
	// connection are free, each further one counts as an event for EventRate. "exhausted".
	Exceeded *Refusal
}

func (c *Config) setDefaults() {
	c.Path = cmp.Or(c.Path, "/socket.io/")
	c.Parser = cmp.Or(c.Parser, ParserJSON)
	c.Engine.MaxPayload = cmp.Or(c.Engine.MaxPayload, 1_000_000)
	c.ConnectTimeout = cmp.Or(c.ConnectTimeout, 5*time.Second)
	c.MaxNamespaces = cmp.Or(c.MaxNamespaces, 16)
	c.MaxAttachments = cmp.Or(c.MaxAttachments, 8)
	c.AttachmentBytes = cmp.Or(c.AttachmentBytes, 1_000_000)
	c.AttachmentTimeout = cmp.Or(c.AttachmentTimeout, 10*time.Second)
	c.Exceeded = cmp.Or(c.Exceeded, &Refusal{Message: "exhausted"})
}

// A Handler is told what happens on the sockets.
type Handler interface {
	// Connect admits a socket to its namespace, or refuses it with an error; a
	// *Refusal says why to the client. It runs before the client hears CONNECT.
	Connect(*Socket) error

	// Event gets one event. The events of a connection come one at a time, in the
	// order in which they were sent, on the goroutine that reads it: while Event
	// runs, nothing more is read from that client. Socket.Done and Answered follow each.
	Event(*Socket, Event)

	// Exceeded answers an event that a limit refuses, in place of Event: by its
	// acknowledgement, or with an event if it asks for none. Of the latter it hears
	// once a second at most, so that what it sends is bounded too.
	Exceeded(*Socket, AckID, Limit)

	// Disconnect follows every Connect that returned nil, once, after the socket has
	// left its rooms.
	Disconnect(s *Socket, reason string)
}

// An Event is what a client has sent. Its parts may be kept, but for the list of its
// arguments, which is used again.
type Event struct {
	Name string
	Args []json.RawMessage
	Ack  AckID // to be answered with Socket.Ack

	// Attachments is how many came with it: binary data, which is base64 in Args. Packets
	// of msgpack have none, since theirs is in its place already.
	Attachments int
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
	Header  http.Header     // of its first request, as Query
	Query   map[string][]string
	Address string // host and port of the peer
	Secure  bool
}
