package socketio

import (
	"strings"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/emitter"
	"github.com/example/switchyard/transport/socketio/sockets"
)

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
