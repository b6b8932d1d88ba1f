package socketio

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/transport/socketio/sockets"
)

// A member is what the gateway keeps of a socket.
type member struct {
	caller contract.Caller

	expiry stopper // of its token; nil for none

	// Joining, leaving and going are one at a time, so that the lanes hear of them in
	// their order.
	mu    sync.Mutex
	stays map[contract.Room]broker.Stay // in a namespace whose use case wants to know when they end
}

func memberOf(s *sockets.Socket) *member { return s.Data.(*member) }

// Reasons of departures beside Socket.IO's own.
const (
	reasonClosed = "connection closed" // before its command had put it in the room
	reasonLost   = "node lost"         // with the process that held it
)

// join puts a socket in rooms. Of one that went while its command ran the rooms are
// told, as of one that was in.
func (h *handler) join(s *sockets.Socket, rooms []contract.Room) {
	if len(rooms) == 0 {
		return
	}
	route, ok := h.departed[s.Namespace()]
	if !ok {
		s.Join(prefixed(roomPrefix, rooms)...)
		return
	}
	m := memberOf(s)
	m.mu.Lock()
	defer m.mu.Unlock()
	in := s.Join(prefixed(roomPrefix, rooms)...)
	for _, room := range rooms {
		if m.stays[room] != nil {
			continue
		}
		stay, err := h.enter(route, m.caller, room)
		switch {
		case err != nil:
			h.log.Error("nobody will be told when a socket leaves a room", "room", room, "socket", m.caller.Socket, "error", err)
		case !in:
			stay.End(departure(room, reasonClosed))
		default:
			if m.stays == nil {
				m.stays = map[contract.Room]broker.Stay{}
			}
			m.stays[contract.Room(strings.Clone(string(room)))] = stay // which would keep the whole read that named it
		}
	}
}

// enter announces the command that is submitted should this process end.
func (h *handler) enter(route contract.Route, caller contract.Caller, room contract.Room) (broker.Stay, error) {
	input := departure(room, reasonLost)
	admission, err := route.Admit(caller, input)
	if err != nil {
		return nil, fmt.Errorf("admit %s: %w", route.Operation, err)
	}
	return h.lanes.Enter(&broker.Command{Operation: route.Operation, Key: admission.Key, Caller: caller, Input: input}), nil
}

func departure(room contract.Room, reason string) []byte {
	b, err := json.Marshal(contract.Departure{Room: room, Reason: reason})
	if err != nil {
		return []byte(`{}`) // strings: cannot happen
	}
	return b
}

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

// gone follows the end of a socket.
func (h *handler) gone(s *sockets.Socket, reason string) {
	m := memberOf(s)
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, room := range slices.Sorted(maps.Keys(m.stays)) {
		m.stays[room].End(departure(room, reason))
	}
	m.stays = nil
	if m.expiry != nil {
		m.expiry.Stop()
	}
}

// Evict closes the connections of which others have been told that they are gone. Their
// clients connect again by themselves.
func (g *Gateway) Evict() {
	n := 0
	for _, name := range g.namespaces {
		if _, ok := g.departed[name]; !ok {
			continue
		}
		for _, s := range g.sockets.Find(name, sockets.Audience{Everyone: true}) {
			m := memberOf(s)
			m.mu.Lock()
			in := len(m.stays) > 0
			m.mu.Unlock()
			if in {
				s.Close()
				n++
			}
		}
	}
	g.log.Warn("closed the connections of which others were told that they are gone", "sockets", n)
}
