package contract

import (
	"reflect"
	"slices"
	"strconv"
)

// An Effect is something a handler wants done. All effects of one command are
// committed together with its acknowledgement, or none is.
type Effect interface{ effect() }

// An Emission announces an event. Its methods return a copy.
type Emission struct {
	Event    EventSpec
	Payload  any
	Audience Audience
	Volatile bool
	Name     string    // on the wire in place of the event's; "" is the event's
	Spread   bool      // each element of the payload, a list or Args, is one argument
	Binary   []string  // where the payload has binary data, see Shape
	Where    Namespace // of an event whose namespace is a pattern: which of it; zero: the one that the caller is in
}

// An Audience says which sockets of the event's namespace hear an emission: the
// union of its parts, each socket once, less the exception.
type Audience struct {
	Everyone     bool
	Rooms        []Room
	Users        []string // all sockets of these users
	Sockets      []string // their ids
	Caller       bool     // the socket that sent the command
	ExceptCaller bool
	Except       []string // ids of sockets that do not hear it
	Local        bool     // only those on the caller's node
}

func (a Audience) empty() bool {
	return !a.Everyone && !a.Caller && len(a.Rooms) == 0 && len(a.Users) == 0 && len(a.Sockets) == 0
}

// To adds rooms.
func (m Emission) To(rooms ...Room) Emission {
	m.Audience.Rooms = append(slices.Clip(m.Audience.Rooms), rooms...)
	return m
}

// ToUser adds all sockets of a user, on whichever node they are. The id alone says
// who that is, and must be unique over all tenants: see docs/auth.md.
func (m Emission) ToUser(id string) Emission {
	m.Audience.Users = append(slices.Clip(m.Audience.Users), id)
	return m
}

// ToSocket adds sockets, on whichever node they are.
func (m Emission) ToSocket(ids ...string) Emission {
	m.Audience.Sockets = append(slices.Clip(m.Audience.Sockets), ids...)
	return m
}

// Except leaves out sockets.
func (m Emission) Except(ids ...string) Emission {
	m.Audience.Except = append(slices.Clip(m.Audience.Except), ids...)
	return m
}

// Local keeps the emission to the node that holds the caller's socket.
func (m Emission) Local() Emission { m.Audience.Local = true; return m }

// As sends the event under another name, which no document shows.
func (m Emission) As(name string) Emission { m.Name = name; return m }

// In announces the event in another namespace of its pattern than the caller's:
// Posted.Of(p).In(Orgs.At("7")).
func (m Emission) In(n Namespace) Emission { m.Where = n; return m }

// Raw announces what nobody has declared: any name, with any number of arguments (none
// is null). No Raises lists it and no document shows it, so declare an Event instead
// where you can. Arguments may be or have Binary data.
func Raw(n Namespace, name string, args ...any) Emission {
	if len(args) == 0 {
		args = []any{nil}
	}
	m := Emission{Event: EventSpec{Namespace: n, Name: name}, Payload: args, Spread: true}
	for i, arg := range args {
		if arg == nil {
			continue
		}
		for _, place := range ShapeOf(reflect.TypeOf(arg)).Binary {
			m.Binary = append(m.Binary, "/"+strconv.Itoa(i)+place)
		}
	}
	return m
}

// ToCaller adds the socket that sent the command.
func (m Emission) ToCaller() Emission { m.Audience.Caller = true; return m }

// ToEveryone adds every socket of the namespace.
func (m Emission) ToEveryone() Emission { m.Audience.Everyone = true; return m }

// ExceptCaller leaves out the socket that sent the command.
func (m Emission) ExceptCaller() Emission { m.Audience.ExceptCaller = true; return m }

// AsVolatile lets a socket miss the event while it is busy, for what is worthless
// a moment later.
func (m Emission) AsVolatile() Emission { m.Volatile = true; return m }

// A Membership puts sockets in a room or takes them out. For the caller's socket
// it has happened before the acknowledgement is sent.
type Membership struct {
	Room     Room
	Leave    bool
	User     string // all sockets of this user,
	Socket   string // or this socket,
	Everyone bool   // or all that are in the room; none of them is the caller's socket
}

// Join puts the caller's socket in a room.
func Join(room Room) Membership { return Membership{Room: room} }

// Leave takes the caller's socket out of a room.
func Leave(room Room) Membership { return Membership{Room: room, Leave: true} }

// JoinUser puts all sockets of a user, on every node, in a room of the command's
// namespace.
func JoinUser(id string, room Room) Membership { return Membership{Room: room, User: id} }

// LeaveUser takes all sockets of a user, on every node, out of a room of the
// command's namespace.
func LeaveUser(id string, room Room) Membership {
	return Membership{Room: room, User: id, Leave: true}
}

// JoinSocket puts a socket, on whichever node it is, in a room of the command's
// namespace.
func JoinSocket(id string, room Room) Membership { return Membership{Room: room, Socket: id} }

// LeaveSocket takes a socket, on whichever node it is, out of a room of the command's
// namespace.
func LeaveSocket(id string, room Room) Membership {
	return Membership{Room: room, Socket: id, Leave: true}
}

// CloseRoom takes all sockets, on every node, out of a room of the command's namespace.
func CloseRoom(room Room) Membership { return Membership{Room: room, Leave: true, Everyone: true} }

// A Disconnection ends a socket's connection to its namespace, on whichever node
// it is.
type Disconnection struct {
	Socket string // or
	User   string // all sockets of this user
	Reason string // for the log
}

// DisconnectUser ends the connections of all sockets of a user to the command's
// namespace.
func DisconnectUser(id, reason string) Disconnection {
	return Disconnection{User: id, Reason: reason}
}

// Disconnect ends the connection of one socket.
func Disconnect(socketID, reason string) Disconnection {
	return Disconnection{Socket: socketID, Reason: reason}
}

// A Submission is a follow-up command, or one for a Dispatcher. Nobody waits for it, so it
// has no deadline: it runs even if that is late.
type Submission struct {
	Operation string
	Key       string
	Input     any

	// IdempotencyKey is for a Dispatcher. A follow-up needs none: it is committed once.
	IdempotencyKey string
}

// Submit runs a command after this one, on behalf of the same caller.
func Submit[In, Out any](c Command[In, Out], in In) Submission {
	s := Submission{Operation: c.Operation, Input: in}
	if c.Key != nil {
		s.Key = c.Key(in)
	}
	if c.IdempotencyKey != nil {
		s.IdempotencyKey = c.IdempotencyKey(in)
	}
	return s
}

func (Emission) effect()      {}
func (Membership) effect()    {}
func (Disconnection) effect() {}
func (Submission) effect()    {}
