package broker

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/example/switchyard/internal/tracing"
)

// An Event is what comes off the event lanes: an event for sockets, or a request to the
// nodes that hold them. It shares its memory with the read that has brought it, and with
// the next one: keep a Clone.
type Event struct {
	ID        string // of the message
	Namespace string
	Name      string // wire name; none for a request
	Payload   []byte // JSON, if a use case has written it

	// The audience is the union of rooms, users and sockets, which are JSON arrays, or ""
	// (see ParseList), or everyone in the namespace; less one socket, or a JSON array of
	// them; on one node, if it is named.
	Rooms, Users, Sockets string
	Everyone              bool
	Except, Node          string
	Volatile              bool   // a busy socket may miss it
	Spread                bool   // the payload is an array or an object: each value is one argument
	Arguments             string // the names of all arguments, where the payload leaves out one before its last: a JSON array, or ""
	Binary                string // where it has binary data, as base64: a JSON array, or ""

	Action, Reason string // see MetaAction

	Trace tracing.Header // of the command that has brought it about
}

// Clone is the same in memory of its own.
func (e *Event) Clone() Event {
	c := *e
	c.Payload, c.Trace = bytes.Clone(e.Payload), e.Trace.Clone()
	for _, s := range []*string{&c.ID, &c.Namespace, &c.Name, &c.Rooms, &c.Users, &c.Sockets, &c.Except, &c.Node, &c.Arguments, &c.Binary, &c.Action, &c.Reason} {
		*s = strings.Clone(*s)
	}
	return c
}

// An arrival is what a gateway makes of an entry: an event, an answer, or both.
type arrival struct {
	event Event
	cause string // id of the command that has brought the event about

	replyTo, code, join, leave, session, reply string

	ask string // id of a question, see question.go
}

// parse reads an entry without making anything of what nobody here may want: whether its
// payload is JSON, finds out who sends it to somebody.
func (a *arrival) parse(e entry) error {
	*a = arrival{}
	if e.uuid == "" {
		return fmt.Errorf("entry %s has no %s", e.id, fieldUUID)
	}
	a.event.ID, a.event.Payload = e.uuid, e.payload
	if err := eachPair(e.metadata, a.set); err != nil {
		return fmt.Errorf("entry %s: metadata: %w", e.id, err)
	}
	return nil
}

func (a *arrival) set(name, value string) {
	switch name {
	case MetaNamespace:
		a.event.Namespace = value
	case MetaEvent:
		a.event.Name = value
	case MetaRooms:
		a.event.Rooms = value
	case MetaUsers:
		a.event.Users = value
	case MetaSockets:
		a.event.Sockets = value
	case MetaEveryone:
		a.event.Everyone = value == "true"
	case MetaExcept:
		a.event.Except = value
	case MetaOnly:
		a.event.Node = value
	case MetaSpread:
		a.event.Spread = value == "true"
	case MetaArguments:
		a.event.Arguments = value
	case MetaBinary:
		a.event.Binary = value
	case MetaVolatile:
		a.event.Volatile = value == "true"
	case MetaAction:
		a.event.Action = value
	case MetaReason:
		a.event.Reason = value
	case metaAsk:
		a.ask = value
	case metaCause:
		a.cause = value
	case metaReplyTo:
		a.replyTo = value
	case metaCode:
		a.code = value
	case metaJoin:
		a.join = value
	case metaLeave:
		a.leave = value
	case metaSession:
		a.session = value
	case metaReply:
		a.reply = value
	case metaTrace, metaTraceState:
		a.event.Trace.Set(name, value)
	}
}
