// Package contract declares what a service says: namespaces, commands, events,
// rooms and effects. Declarations are plain values. Nothing here runs, connects
// or registers, and nothing outside the standard library is imported.
//
// A use case declares a Command and binds it to the method that serves it with
// Handle, which makes a Route; the routes of all use cases make a Catalog. From
// the Catalog alone come the gateway's namespaces and handlers, the validation
// at the edge and the REST routes.
//
// Types are checked where you write them (a handler of the wrong input or output
// does not compile) and erased once, in Handle: brokers and transports see bytes.
//
// Start at Command and Event, then Effect. The examples in this package's tests
// are its manual.
package contract

import "encoding/json"

// A Namespace is one Socket.IO namespace: a separate set of sockets, rooms and
// event names on the same connection.
type Namespace struct {
	Name string // wire name, "/chat"; permanent
	Doc  string // one sentence

	// OnDisconnect is the operation key of an internal command whose input is
	// Departure. It is submitted once for each room that a socket was in when its
	// connection ended. Empty: nobody wants to know.
	OnDisconnect string

	Policy *Policy // what holds for all its commands; nil for nothing
}

// A Connecting is what a client says when it connects to a namespace: what guards on
// connect see.
type Connecting struct {
	Auth    json.RawMessage     `json:"auth" doc:"What the client gave as auth: an object, {} for none."`
	Header  map[string][]string `json:"header" doc:"Of its first request."`
	Query   map[string][]string `json:"query" doc:"Of its first request."`
	Address string              `json:"address" doc:"Host and port of the peer."`
	Secure  bool                `json:"secure" doc:"Whether it came over TLS."`
}

// A Departure is the input of a namespace's OnDisconnect command: the caller's
// socket left one room because its connection ended. The caller is the one who
// was connected.
type Departure struct {
	Room   Room   `json:"room" doc:"The room the socket was in."`
	Reason string `json:"reason" doc:"Why the connection ended, in Socket.IO's words; node lost if its node is dead."`
}

// A Room is a named set of sockets within one namespace.
type Room string

// None is the input or output of a command that has none. It is {} on the wire.
type None struct{}
