package socketio

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/tracing"
	"github.com/example/switchyard/transport/socketio/sockets"
)

// A member is what the gateway keeps of a socket.
type member struct {
	home *home
	by   atomic.Pointer[contract.Caller] // another one after Refresh

	// Joining, leaving and going are one at a time, so that the lanes hear of them in
	// their order.
	mu    sync.Mutex
	stays map[contract.Room]broker.Stay // in a namespace whose use case wants to know when they end
	stay  broker.Stay                   // if it wants to know only when the connection ends

	expiry stopper // of its token; nil for none; guarded by mu
	gone   bool    // or refused; guarded by mu

	trace tracing.Header // of the client, for its commands; only the goroutine that reads touches it

	sessions map[string]json.RawMessage      // by name; guarded by mu
	session  atomic.Pointer[json.RawMessage] // the same, encoded; nil for none
}

func memberOf(s *sockets.Socket) *member { return s.Data.(*member) }

// caller is who the socket's commands are from.
func (m *member) caller() contract.Caller { return *m.by.Load() }

// change changes sessions by name; null takes one away.
func (m *member) change(changes map[string]json.RawMessage) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.sessions == nil {
		m.sessions = map[string]json.RawMessage{}
	}
	for name, value := range changes {
		if string(value) == "null" {
			delete(m.sessions, name)
			continue
		}
		m.sessions[name] = value
	}
	if len(m.sessions) == 0 {
		m.session.Store(nil)
		return nil
	}
	all, err := json.Marshal(m.sessions)
	if err != nil {
		return err
	}
	m.session.Store((*json.RawMessage)(&all))
	return nil
}

// join puts a socket in rooms. Of one that went, or was refused, while its command ran the
// rooms are told, as of one that was in. What that says belongs to the trace of the
// command that put the socket in. Who is in already enters anew: others may have taken this
// node for dead meanwhile, and told that the socket is gone.
func (h *handler) join(s *sockets.Socket, rooms []contract.Room, trace tracing.Header) {
	rooms = h.admitted(s, rooms)
	if len(rooms) == 0 {
		return
	}
	m := memberOf(s)
	route := m.home.departed
	if route == nil || perSocket(route) {
		s.Join(prefixed(roomPrefix, rooms)...)
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	in := s.Join(prefixed(roomPrefix, rooms)...) && !m.gone
	for _, room := range rooms {
		before := m.stays[room]
		stay, err := h.enter(route, m.caller(), departure(room, contract.NodeLost), trace)
		switch {
		case err != nil && before != nil: // that one has to do
		case err != nil:
			h.log.Error("nobody will be told when a socket leaves a room", "room", room, "socket", s.ID(), "error", err)
		case !in && before == nil:
			stay.End(departure(room, contract.ConnectionClosed))
		default:
			if before != nil {
				before.Leave()
			}
			if m.stays == nil {
				m.stays = map[contract.Room]broker.Stay{}
			}
			m.stays[contract.Room(strings.Clone(string(room)))] = stay // which would keep the whole read that named it
		}
	}
}

// admitted are the rooms but those of other tenants.
func (h *handler) admitted(s *sockets.Socket, rooms []contract.Room) []contract.Room {
	foreign := func(r contract.Room) bool { return !r.Admits(memberOf(s).by.Load().Tenant) }
	if !slices.ContainsFunc(rooms, foreign) {
		return rooms
	}
	h.log.Warn("kept a socket out of rooms of another tenant", "socket", s.ID())
	return slices.DeleteFunc(slices.Clone(rooms), foreign)
}

// enter announces the command that is submitted should this process end.
func (h *handler) enter(route *contract.Route, caller contract.Caller, input []byte, trace tracing.Header) (broker.Stay, error) {
	admission, err := route.Admit(caller, input)
	if err != nil {
		return nil, fmt.Errorf("admit %s: %w", route.Operation, err)
	}
	return h.lanes.Enter(&broker.Command{Operation: route.Operation, Key: admission.Key, Caller: caller, Input: input, Trace: trace})
}

func departure(room contract.Room, reason contract.Reason) []byte {
	return encoded(contract.Departure{Room: room, Reason: reason})
}

func disconnected(reason contract.Reason) []byte {
	return encoded(contract.Disconnected{Reason: reason})
}

func encoded(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		return []byte(`{}`) // strings: cannot happen
	}
	return b
}

// perSocket tells whether an OnDisconnect command hears of sockets, and not of the rooms
// that each was in.
func perSocket(r *contract.Route) bool { return r.In == reflect.TypeFor[contract.Disconnected]() }

// leave takes a socket out of rooms.
func (h *handler) leave(s *sockets.Socket, rooms []contract.Room) {
	if len(rooms) == 0 {
		return
	}
	m := memberOf(s)
	m.mu.Lock()
	defer m.mu.Unlock()
	s.Leave(prefixed(roomPrefix, rooms)...)
	for _, room := range rooms {
		if stay := m.stays[room]; stay != nil {
			stay.Leave()
			delete(m.stays, room)
		}
	}
}

// gone follows the end of a socket, or that it was refused.
func (h *handler) gone(s *sockets.Socket, reason string) {
	m := memberOf(s)
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, room := range slices.Sorted(maps.Keys(m.stays)) {
		m.stays[room].End(departure(room, contract.Reason(reason)))
	}
	m.stays = nil
	if m.stay != nil {
		m.stay.End(disconnected(contract.Reason(reason)))
		m.stay = nil
	}
	m.gone = true
	if m.expiry != nil {
		m.expiry.Stop()
	}
}

// Evict closes the connections of which others have been told that they are gone. Their
// clients connect again by themselves.
func (g *Gateway) Evict() {
	n := 0
	for _, name := range g.sockets.Namespaces() {
		if to, _ := g.home(name); to.departed == nil {
			continue
		}
		for _, s := range g.sockets.Find(name, sockets.Audience{Everyone: true}) {
			m := memberOf(s)
			m.mu.Lock()
			in := len(m.stays) > 0 || m.stay != nil
			m.mu.Unlock()
			if in {
				s.Hide() // whoever found it would never hear that it is gone
				s.Close()
				n++
			}
		}
	}
	g.log.Warn("closed the connections of which others were told that they are gone", "sockets", n)
}
