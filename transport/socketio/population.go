package socketio

import (
	"maps"
	"slices"
	"strings"

	"github.com/example/switchyard/internal/metrics"
	"github.com/example/switchyard/transport/socketio/sockets"
)

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

// SendQueue is how many bytes wait for clients to take them.
func (g *Gateway) SendQueue() int { return g.sockets.Queued() }

// Rejected counts the connections that were refused because of their origin, or while the
// node shut down, and because their address had too many.
func (g *Gateway) Rejected() (origin, address uint64) { return g.sockets.Rejected() }
