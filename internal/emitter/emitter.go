// Package emitter takes events off the lanes and hands them to the sockets of this
// node: the last step of an event's way, the same on every node. It never decodes a
// payload and never blocks. Start at Emitter.
package emitter

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/tracing"
)

// A Sink holds the sockets of this node. Its methods must not block.
type Sink interface {
	// Emit sends an event to the sockets of an audience that are on this node, and returns
	// how many they are. What it is given is good until it returns. A payload that is not
	// what it should be is an error, if somebody would have heard it.
	Emit(Emission) (sockets int, err error)
	// Move puts the sockets of an audience in rooms, or takes them out.
	Move(namespace string, who Audience, rooms []string, leave bool)
	// Disconnect ends the sockets of an audience.
	Disconnect(namespace string, who Audience, reason string)
	// Resync tells every socket on this node that it may have missed events.
	Resync(reason string)
}

// An Emission is one event on its way to sockets.
type Emission struct {
	Namespace string
	Event     string
	Payload   json.RawMessage
	To        Audience
	Volatile  bool     // a socket that is busy may miss it
	Spread    bool     // the payload is an array or an object, each value one argument
	Arguments []string // the names of all, where the payload leaves out one before its last
	Binary    []string // where it has binary data, as base64
}

// An Audience is the union of its parts, each socket once, less the exception.
type Audience struct {
	Everyone bool
	Rooms    []string
	Users    []string
	Sockets  []string
	Except   []string // sockets
}

// An Emitter turns what comes off the event lanes into calls of a Sink.
type Emitter struct {
	sink   Sink
	node   string // this one
	tracer *tracing.Tracer
}

// New makes the emitter of a node.
func New(s Sink, cfg broker.Config) *Emitter { return &Emitter{s, cfg.Node, cfg.Tracer} }

// Missed hands over that this node has missed events. Nobody knows whose.
func (e *Emitter) Missed(reason string) { e.sink.Resync(reason) }

// Handle hands one event over. Its error says why an event cannot be: it was not
// written by a use case.
func (e *Emitter) Handle(m *broker.Event) error {
	if m.Namespace == "" {
		return fmt.Errorf("message %s names no namespace", m.ID)
	}
	if m.Node != "" && m.Node != e.node {
		return nil
	}
	to, err := audience(m)
	if err != nil {
		return fmt.Errorf("message %s: %w", m.ID, err)
	}
	switch m.Action {
	case "":
		if m.Name == "" {
			return fmt.Errorf("message %s is no event: it has no name", m.ID)
		}
		binary, err := broker.ParseList(m.Binary)
		if err != nil {
			return fmt.Errorf("message %s: %s: %w", m.ID, broker.MetaBinary, err)
		}
		arguments, err := broker.ParseList(m.Arguments)
		if err != nil {
			return fmt.Errorf("message %s: %s: %w", m.ID, broker.MetaArguments, err)
		}
		err = e.emit(m, Emission{
			Namespace: m.Namespace, Event: m.Name, Payload: json.RawMessage(m.Payload), To: to,
			Volatile: m.Volatile, Spread: m.Spread, Arguments: arguments, Binary: binary,
		})
		if err != nil {
			return fmt.Errorf("message %s is no event: %w", m.ID, err)
		}
	case broker.ActionJoin, broker.ActionLeave:
		e.sink.Move(m.Namespace, Audience{Users: to.Users, Sockets: to.Sockets}, to.Rooms, m.Action == broker.ActionLeave)
	case broker.ActionClose:
		e.sink.Move(m.Namespace, Audience{Rooms: to.Rooms}, to.Rooms, true)
	case broker.ActionDisconnect:
		e.sink.Disconnect(m.Namespace, Audience{Users: to.Users, Sockets: to.Sockets}, m.Reason)
	default:
		return fmt.Errorf("message %s asks for %q, which this version does not know", m.ID, m.Action)
	}
	return nil
}

// emit hands an event to the sockets of this node. Of a traced one that is a span, where
// somebody hears it.
func (e *Emitter) emit(m *broker.Event, what Emission) error {
	var began time.Time
	if m.Trace.Parent != "" {
		began = time.Now()
	}
	n, err := e.sink.Emit(what)
	if n > 0 {
		e.tracer.Follow(m.Trace, tracing.Deliver, tracing.About{
			Name: m.Name, Namespace: m.Namespace, Message: m.ID, Sockets: n, Began: began,
		}).End("")
	}
	return err
}

func audience(m *broker.Event) (Audience, error) {
	to := Audience{Everyone: m.Everyone}
	var err error
	switch {
	case strings.HasPrefix(m.Except, "["): // no id begins so
		if to.Except, err = broker.ParseList(m.Except); err != nil {
			return to, fmt.Errorf("%s: %w", broker.MetaExcept, err)
		}
	case m.Except != "":
		to.Except = []string{m.Except}
	}
	if to.Rooms, err = broker.ParseList(m.Rooms); err != nil {
		return to, fmt.Errorf("%s: %w", broker.MetaRooms, err)
	}
	if to.Users, err = broker.ParseList(m.Users); err != nil {
		return to, fmt.Errorf("%s: %w", broker.MetaUsers, err)
	}
	if to.Sockets, err = broker.ParseList(m.Sockets); err != nil {
		return to, fmt.Errorf("%s: %w", broker.MetaSockets, err)
	}
	return to, nil
}
