package socketio

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/cors"
	"github.com/example/switchyard/transport/socketio/sockets"
)

// A Mount is a gateway beside that at the first path: with a path, transports and
// origins of its own, for the namespaces that it names. They are there alone; the first
// path has those that no Mount names. All else, from the lanes to the limits, is shared.
type Mount struct {
	Path       string   // "/admin.io/"
	Namespaces []string // as they are declared
	Origins    cors.Policy
	Transports []string
}

// mount opens the mounts, and closes their namespaces to the first path.
func (g *Gateway) mount(mounts []Mount, origins cors.Policy, cfg *sockets.Config) {
	g.origins = map[string]cors.Policy{}
	var elsewhere []string
	for _, m := range mounts {
		g.origins[m.Path] = m.Origins
		elsewhere = append(elsewhere, m.Namespaces...)
		for _, n := range m.Namespaces {
			if !slices.ContainsFunc(g.catalog.Namespaces, func(known contract.Namespace) bool { return known.Name == n }) {
				g.mistakes = errors.Join(g.mistakes, fmt.Errorf("SOCKET_MOUNTS: the gateway at %s is for the namespace %s, which no use case declares", m.Path, n))
			}
		}
		cfg.Mounts = append(cfg.Mounts, sockets.Mount{
			Path: m.Path, Transports: m.Transports, Allow: g.allow(m.Origins),
			Serves: func(namespace string) bool { return slices.Contains(m.Namespaces, g.declared(namespace)) },
		})
	}
	if len(mounts) > 0 {
		cfg.Serves = func(namespace string) bool { return !slices.Contains(elsewhere, g.declared(namespace)) }
	}
	cfg.Engine.Allow = g.allow(origins)
}

// declared is the name by which the namespace of a socket is declared.
func (g *Gateway) declared(namespace string) string {
	n, _, _ := g.catalog.Namespace(namespace)
	return n.Name
}

// allow lets clients in by their origin, while this node takes any.
func (g *Gateway) allow(origins cors.Policy) func(*http.Request) error {
	return func(r *http.Request) error {
		if g.refusing.Load() {
			return errors.New("this node is shutting down; connect again")
		}
		return origins.Check(r)
	}
}

// Check returns what is wrong with the namespaces and the mounts.
func (g *Gateway) Check() error { return g.mistakes }

// Paths is where Socket.IO is mounted.
func (g *Gateway) Paths() []string { return g.sockets.Paths() }

// Origins is which pages may talk to a path; false for what the first path's are.
func (g *Gateway) Origins(path string) (cors.Policy, bool) {
	p, ok := g.origins[path]
	return p, ok
}
