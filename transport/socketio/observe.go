package socketio

import (
	"maps"
	"slices"
	"strings"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/emitter"
	"github.com/example/switchyard/internal/metrics"
	"github.com/example/switchyard/transport/socketio/sockets"
)

// What operators see of the sockets, in metrics and in the Admin UI.

// Population counts who is on this node in each namespace, dynamic ones together under the
// name of their declaration. It looks at the names of rooms and at no socket.
func (g *Gateway) Population() []metrics.Namespace {
	all := map[string]metrics.Namespace{}
	for name := range g.homes {
		all[name] = metrics.Namespace{Name: name}
	}
	for _, name := range g.sockets.Namespaces() {
		n := all[g.declared(name)]
		users, rooms := g.sockets.CountRooms(name, userPrefix)
		n.Sockets += g.sockets.Count(name, sockets.Audience{Everyone: true})
		n.Users += users
		n.Rooms += rooms
		all[n.Name] = n
	}
	return slices.SortedFunc(maps.Values(all), func(a, b metrics.Namespace) int { return strings.Compare(a.Name, b.Name) })
}

// Connections counts the clients connected to this node.
func (g *Gateway) Connections() int { return g.sockets.Connections() }

// SlowConsumers counts the clients that this node has cut because they took too
// little of what they were sent.
func (g *Gateway) SlowConsumers() uint64 { return g.sockets.SlowConsumers() }

// Exhausted counts the commands refused because their connection sent too many a second,
// or had too many without an answer.
func (g *Gateway) Exhausted() (rate, unacked uint64) {
	return g.sockets.Refused(sockets.RateLimit), g.sockets.Refused(sockets.OpenLimit)
}

// SendQueue is how many bytes wait for clients to take them.
func (g *Gateway) SendQueue() int { return g.sockets.Queued() }

// Rejected counts the connections that were refused because of their origin, or while the
// node shut down, and because their address had too many.
func (g *Gateway) Rejected() (origin, address uint64) { return g.sockets.Rejected() }

// Polling counts those whose connections long polling carries. It looks at each.
func (g *Gateway) Polling() int { return g.sockets.Polling() }

// Namespaces lists the namespaces and how many sockets each has here, of the dynamic ones
// those that have some.
func (g *Gateway) Namespaces() map[string]int {
	all := map[string]int{}
	for _, name := range g.sockets.Namespaces() {
		all[name] = g.sockets.Count(name, sockets.Audience{Everyone: true})
	}
	return all
}

// Find returns the sockets of an audience on this node.
func (g *Gateway) Find(namespace string, who emitter.Audience) []*sockets.Socket {
	return g.sockets.Find(namespace, audience(who))
}

// RoomOf is the use cases' name of a room that a socket is in; false for those that are
// the gateway's own.
func RoomOf(name string) (room string, ok bool) { return strings.CutPrefix(name, roomPrefix) }

// CallerOf is who a socket's commands are from; false while that is not known.
func CallerOf(s *sockets.Socket) (by contract.Caller, ok bool) {
	m, ok := s.Data.(*member)
	if !ok {
		return by, false
	}
	return m.caller(), true
}
