package admin

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/logging"
	"github.com/example/switchyard/transport/socketio"
	"github.com/example/switchyard/transport/socketio/engineio"
	"github.com/example/switchyard/transport/socketio/sockets"
)

// A Record is what a node remembers for operators: its traffic and, in development mode,
// its sockets and what has lately happened on them. It is the sockets.Watcher of the
// service's sockets then. Its memory is bounded but for the sockets' rooms. Safe for
// concurrent use.
type Record struct {
	Traffic engineio.Traffic
	secrets logging.Secrets
	catalog *contract.Catalog
	args    map[[2]string][]string // the names of commands' arguments, where they have several; by namespace and event

	mu      sync.Mutex
	next    uint64 // position of the next entry
	recent  [kept]entry
	shown   map[*sockets.Socket]*shown
	polling map[*sockets.Socket]struct{} // of them, that may still be upgraded

	second int64 // in which
	events int   // so many events were recorded
}

const (
	kept         = 1024 // entries
	eventsSecond = 100  // events of clients recorded in one second; what connects and joins is always
	maxShown     = 1024 // bytes of an argument
	maxArguments = 16   // of an event
)

var _ sockets.Watcher = (*Record)(nil)

// NewRecord makes a record that shows no secrets of a catalog's commands and events.
func NewRecord(c *contract.Catalog) *Record {
	r := &Record{
		secrets: logging.SecretsOf(c), catalog: c, args: map[[2]string][]string{},
		shown: map[*sockets.Socket]*shown{}, polling: map[*sockets.Socket]struct{}{},
	}
	for _, route := range c.Routes {
		if names := contract.ShapeOf(route.In).Args; names != nil {
			r.args[[2]string{route.Namespace.Name, route.Event}] = names
		}
	}
	return r
}

// An entry is one event for the UI.
type entry struct {
	Event string          `json:"event"`
	Args  json.RawMessage `json:"args"` // an array
}

// shown is what operators have been told of a socket.
type shown struct {
	rooms map[string]struct{}
	since time.Time
}

func (e *shown) list() []string { return slices.Sorted(maps.Keys(e.rooms)) }

// add appends an entry; mu is held.
func (r *Record) add(event string, args ...any) {
	r.recent[r.next%kept] = entry{event, encoded(args)}
	r.next++
}

func timestamp() string { return time.Now().UTC().Format("2006-01-02T15:04:05.000Z07:00") }

// Connected shows a socket.
func (r *Record) Connected(s *sockets.Socket, rooms []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := &shown{rooms: map[string]struct{}{}, since: time.Now()}
	for _, name := range rooms {
		if room, ok := socketio.RoomOf(name); ok {
			e.rooms[room] = struct{}{}
		}
	}
	r.shown[s] = e
	if s.Transport() == engineio.Polling {
		r.polling[s] = struct{}{}
	}
	r.add("socket_connected", r.serialize(s, e.list(), e.since), timestamp())
}

// Joined shows that a socket is in a room.
func (r *Record) Joined(s *sockets.Socket, name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	room, ok := socketio.RoomOf(name)
	if e := r.shown[s]; ok && e != nil {
		room = strings.Clone(room) // which would keep the whole read that named it
		e.rooms[room] = struct{}{}
		r.add("room_joined", s.Namespace(), room, s.ID(), timestamp())
	}
}

// Left shows that it no longer is.
func (r *Record) Left(s *sockets.Socket, name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	room, ok := socketio.RoomOf(name)
	if e := r.shown[s]; ok && e != nil {
		delete(e.rooms, room)
		r.add("room_left", s.Namespace(), room, s.ID(), timestamp())
	}
}

// Disconnected shows that a socket has gone. The UI takes it out of its rooms when it is
// told so for each, also for the one of the socket's own id.
func (r *Record) Disconnected(s *sockets.Socket, reason string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.shown[s]
	if e == nil {
		return
	}
	now := timestamp()
	for _, room := range append(e.list(), s.ID()) {
		r.add("room_left", s.Namespace(), room, s.ID(), now)
	}
	r.add("socket_disconnected", s.Namespace(), s.ID(), reason, now)
	delete(r.shown, s)
	delete(r.polling, s)
}

// Received shows an event of a client.
func (r *Record) Received(s *sockets.Socket, e sockets.Event) {
	r.event("event_received", s, e.Name, func() ([]string, []json.RawMessage) { return r.names(s.Namespace(), e.Name), e.Args })
}

// names are those of the arguments that a client sends, as far as they are known.
func (r *Record) names(namespace, event string) []string {
	if event == contract.Refresh {
		return []string{"token"} // whatever it is there
	}
	n, _, _ := r.catalog.Namespace(namespace)
	return r.args[[2]string{n.Name, event}]
}

// Sent shows an event for a client.
func (r *Record) Sent(s *sockets.Socket, event string, p sockets.Payload) {
	r.event("event_sent", s, event, p.Args)
}

// event shows an event, unless there are too many.
func (r *Record) event(kind string, s *sockets.Socket, name string, args func() ([]string, []json.RawMessage)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := time.Now().Unix(); now != r.second {
		r.second, r.events = now, 0
	}
	if r.events++; r.events > eventsSecond {
		return
	}
	event := []any{short(name)}
	names, values := args()
	for i, value := range values {
		if i == maxArguments {
			event = append(event, fmt.Sprintf("(%d more)", len(values)-i))
			break
		}
		argument := ""
		if i < len(names) {
			argument = names[i]
		}
		event = append(event, r.show(argument, value))
	}
	r.add(kind, s.Namespace(), s.ID(), event, timestamp())
}

// show is an argument as it may be shown. Most have no name: "".
func (r *Record) show(name string, arg json.RawMessage) any {
	var v any
	if len(arg) > maxShown || json.Unmarshal(arg, &v) != nil {
		return fmt.Sprintf("(%d bytes)", len(arg))
	}
	return r.secrets.Without(name, v)
}

const maxName = 256 // bytes of a name that are shown

func short(name string) string {
	if len(name) > maxName {
		return strings.ToValidUTF8(name[:maxName], "") + "…"
	}
	return name
}

// since returns the entries from a position on, and the next one's; ok is false if it
// does not know all of them any more.
func (r *Record) since(position uint64) (entries []entry, next uint64, ok bool) {
	r.upgraded()
	r.mu.Lock()
	defer r.mu.Unlock()
	if position > r.next || r.next-position > kept {
		return nil, r.next, false
	}
	for at := position; at < r.next; at++ {
		entries = append(entries, r.recent[at%kept])
	}
	return entries, r.next, true
}

// upgraded shows which sockets have left polling since it was last asked.
func (r *Record) upgraded() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for s := range r.polling {
		if now := s.Transport(); now != engineio.Polling {
			delete(r.polling, s)
			r.add("socket_updated", map[string]string{"id": s.ID(), "nsp": s.Namespace(), "transport": now})
		}
	}
}

// all returns the sockets, as many as the UI bears, and the position of the first entry
// that says what has changed since.
func (r *Record) all() (list []json.RawMessage, next uint64) {
	type one struct {
		socket *sockets.Socket
		rooms  []string
		since  time.Time
	}
	var some []one
	r.mu.Lock()
	next = r.next
	for s, e := range r.shown {
		if len(some) == maxSockets {
			break
		}
		some = append(some, one{s, e.list(), e.since})
	}
	r.mu.Unlock()
	size := 0
	for _, o := range some {
		b := encoded(r.serialize(o.socket, o.rooms, o.since))
		if size += len(b); size > maxSocketsBytes {
			break
		}
		list = append(list, b)
	}
	return list, next
}

const (
	maxSockets      = 500     // that the UI is shown
	maxSocketsBytes = 1 << 20 // of them, of one node
)
