package admin

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/example/switchyard/internal/emitter"
	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/transport/socketio"
)

// An action is something that an operator wants done with sockets, on all nodes.
type action struct {
	Do        string            `json:"do"`
	Namespace string            `json:"namespace"`
	Filter    string            `json:"filter"` // a room, or the id of a socket; empty: everybody in the namespace
	Room      string            `json:"room"`   // to join or leave
	Whole     bool              `json:"whole"`  // end the sockets' whole connections
	Event     string            `json:"event"`  // to emit
	Args      []json.RawMessage `json:"args"`
}

// The actions, by the UI's names.
const (
	doEmit       = "emit"        // namespace, filter, event, arguments
	doJoin       = "join"        // namespace, room, filter
	doLeave      = "leave"       // likewise
	doDisconnect = "_disconnect" // namespace, whole connections, filter
)

var errReadOnly = fault.New(fault.Forbidden, "ADMIN_UI_READONLY is on")

// unsent are the names of events that clients keep for themselves.
var unsent = []string{"connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"}

// parseAction reads what the UI has sent. A filter may be missing, or null.
func parseAction(event string, args []json.RawMessage) (a action, err error) {
	a.Do = event
	wrong := func(n int, want string) error {
		return fault.New(fault.Invalid, "argument %d of %s must be %s", n+1, event, want)
	}
	read := func(n int, into any) bool {
		return n >= len(args) || json.Unmarshal(args[n], into) == nil
	}
	text := func(n int, into *string, needed bool) {
		if err == nil && (!read(n, into) || needed && *into == "" || len(*into) > maxName) {
			err = wrong(n, "a text of at most 256 bytes")
		}
	}
	text(0, &a.Namespace, true)
	switch event {
	case doEmit:
		text(1, &a.Filter, false)
		text(2, &a.Event, true)
		a.Args = slices.Clone(args[min(3, len(args)):])
		if err == nil && slices.ContainsFunc(a.Args, func(arg json.RawMessage) bool { return !json.Valid(arg) }) {
			err = fault.New(fault.Invalid, "an argument is no JSON")
		}
		if err == nil && slices.Contains(unsent, a.Event) {
			err = fault.New(fault.Invalid, "%s is no event that can be sent", a.Event)
		}
	case doJoin, doLeave:
		text(1, &a.Room, true)
		text(2, &a.Filter, false)
	case doDisconnect:
		if err == nil && !read(1, &a.Whole) {
			err = wrong(1, "true or false")
		}
		text(2, &a.Filter, false)
	default:
		return a, fault.New(fault.NotFound, "there is no action of this name")
	}
	if err == nil && !strings.HasPrefix(a.Namespace, "/") {
		err = wrong(0, "a namespace, like /chat")
	}
	return a, err
}

// audience is whom an action is about.
func (a action) audience() emitter.Audience {
	if a.Filter == "" {
		return emitter.Audience{Everyone: true}
	}
	return emitter.Audience{Rooms: []string{a.Filter}, Sockets: []string{a.Filter}}
}

// on does it on this node, and returns how many sockets were found.
func (a action) on(g *socketio.Gateway) (found int, err error) {
	who := a.audience()
	all := g.Find(a.Namespace, who)
	switch a.Do {
	case doEmit:
		_, err = g.Emit(emitter.Emission{Namespace: a.Namespace, Event: a.Event, Payload: encoded(a.Args), Spread: true, To: who})
	case doJoin, doLeave:
		g.Move(a.Namespace, who, []string{a.Room}, a.Do == doLeave)
	case doDisconnect:
		for _, s := range all {
			if a.Whole {
				s.DisconnectAll()
			} else {
				s.Disconnect()
			}
		}
	}
	return len(all), err
}
