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
	// Name is the wire name, "/chat"; permanent. "/" is the main namespace, where clients
	// are that name none. A pattern, "/org-{org}", is many: see dynamic.go.
	Name string
	Doc  string // one sentence

	// OnConnect is the operation key of an internal command whose input is Connecting. A
	// socket that wants to come in, and that the guards on connect let pass, waits for
	// it: a fault refuses the connection, with the problem as its data, and of a result
	// the effects count: rooms, session, events. Empty: whom the guards let pass is in.
	OnConnect string

	// OnDisconnect is the operation key of an internal command. If its input is
	// Disconnected, it is submitted once for each socket that was connected, when its
	// connection to the namespace has ended; if it is Departure, once for each room that
	// the socket was in then. Empty: nobody wants to know.
	OnDisconnect string

	Policy *Policy // what holds for all its commands; nil for nothing
}

// A Connecting is what a client says when it connects to a namespace: what guards on
// connect see, and the input of a namespace's OnConnect command. What commands that come
// later need of it belongs into the session. On the lanes, where it is kept for a while,
// what is named like a secret is left out: tokens, cookies, passwords. Guards see it.
type Connecting struct {
	Auth    json.RawMessage     `json:"auth" doc:"What the client gave as auth: an object, {} for none."`
	Header  map[string][]string `json:"header" doc:"Of its first request."`
	Query   map[string][]string `json:"query" doc:"Of its first request."`
	Address string              `json:"address" doc:"Host and port of the client, or of the last proxy that is not trusted; the port 0 if it is not known."`
	Secure  bool                `json:"secure" doc:"Whether it came over TLS."`
}

// A Disconnected is the input of a namespace's OnDisconnect command: the connection of
// the caller's socket to the namespace has ended.
type Disconnected struct {
	Reason Reason `json:"reason" doc:"Why the connection ended."`
}

// A Reason says why a connection ended, in Socket.IO's words where it has some.
type Reason string

// The reasons.
const (
	ClientDisconnect Reason = "client namespace disconnect" // the client left the namespace
	ServerDisconnect Reason = "server namespace disconnect" // a use case or a guard ended it
	TransportClose   Reason = "transport close"             // the client closed the connection, or its network did
	TransportError   Reason = "transport error"             // it broke the protocol of its transport
	ParseError       Reason = "parse error"                 // it sent what is not a packet
	PingTimeout      Reason = "ping timeout"                // it was silent for too long
	ForcedClose      Reason = "forced close"                // the node closed the connection: it shuts down, or the client broke the rules
	SlowConsumer     Reason = "slow consumer"               // it took too little of what it was sent
	ConnectionClosed Reason = "connection closed"           // before what it had asked for was done
	NodeLost         Reason = "node lost"                   // with the process that held it
)

// A Departure is the input of a namespace's OnDisconnect command: the caller's
// socket left one room because its connection ended. The caller is the one who
// was connected.
type Departure struct {
	Room   Room   `json:"room" doc:"The room the socket was in."`
	Reason Reason `json:"reason" doc:"Why the connection ended, in Socket.IO's words; node lost if its node is dead."`
}

// A Room is a named set of sockets within one namespace.
type Room string

// AnyOther is the Event of a command that gets the events of its namespace for which
// there is no command. Its input is Other.
const AnyOther = "*"

// An Other is the input of a command for AnyOther: an event that nobody has declared.
type Other struct {
	Event string            `json:"event" doc:"Its name."`
	Args  []json.RawMessage `json:"args" doc:"Its arguments, of any shape."`
}

// None is the input or output of a command that has none. It is {} on the wire.
type None struct{}
