package sockets

import (
	"net/http"
	"strings"

	"github.com/example/switchyard/transport/socketio/engineio"
)

// A Mount is a further way in: a path with rules of its own, to the same sockets and rooms
// as everywhere. Its limits are those of the server's Engine, counted by themselves.
type Mount struct {
	Path       string // "/admin.io/"
	Transports []string
	Allow      func(*http.Request) error // as of engineio.Config
	Serves     func(namespace string) bool
}

// A door is where a mount's connections come in.
type door struct {
	path   string
	engine *engineio.Server
	serves func(namespace string) bool // nil: all
	srv    *Server
}

func (srv *Server) open(m Mount) {
	cfg := srv.cfg.Engine
	cfg.Transports, cfg.Allow = m.Transports, m.Allow
	d := &door{path: m.Path, serves: m.Serves, srv: srv}
	d.engine = engineio.New(cfg, d)
	srv.doors = append(srv.doors, d)
}

// Open tells the library of a new connection, before anything is read of it.
func (d *door) Open(e *engineio.Conn) engineio.Receiver { return d.srv.connect(e, d) }

// Paths are where the server is mounted.
func (srv *Server) Paths() []string {
	paths := make([]string, len(srv.doors))
	for i, d := range srv.doors {
		paths[i] = d.path
	}
	return paths
}

// ServeHTTP serves every request of every connection. What is on the path of no other
// mount is the first one's.
func (srv *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	for _, d := range srv.doors[1:] {
		if strings.HasPrefix(r.URL.Path, d.path) {
			d.engine.ServeHTTP(w, r)
			return
		}
	}
	srv.doors[0].engine.ServeHTTP(w, r)
}

// Hold puts off writing until Release, for whoever sends much in a moment: what goes to
// one client leaves together then.
func (srv *Server) Hold() {
	for _, d := range srv.doors {
		d.engine.Hold()
	}
}

// Release lets go what Hold has put off.
func (srv *Server) Release() {
	for _, d := range srv.doors {
		d.engine.Release()
	}
}

// Connections counts the connections.
func (srv *Server) Connections() int {
	n := 0
	for _, d := range srv.doors {
		n += d.engine.Connections()
	}
	return n
}

// Polling counts the connections that long polling carries. It looks at each.
func (srv *Server) Polling() int {
	n := 0
	for _, d := range srv.doors {
		n += d.engine.Polling()
	}
	return n
}

// SlowConsumers counts the connections that were cut because they took too little of
// what they were sent.
func (srv *Server) SlowConsumers() uint64 {
	n := uint64(0)
	for _, d := range srv.doors {
		n += d.engine.SlowConsumers()
	}
	return n
}

// Rejected counts the connections that were refused before they had a socket: by a
// mount's Allow, or because their address had too many.
func (srv *Server) Rejected() (refused, crowded uint64) {
	for _, d := range srv.doors {
		r, c := d.engine.Rejected()
		refused, crowded = refused+r, crowded+c
	}
	return refused, crowded
}

// Queued is how many bytes wait for clients to take them.
func (srv *Server) Queued() (bytes int) {
	for _, d := range srv.doors {
		bytes += d.engine.Queued()
	}
	return bytes
}

func (srv *Server) connections() []*engineio.Conn {
	var all []*engineio.Conn
	for _, d := range srv.doors {
		all = append(all, d.engine.All()...)
	}
	return all
}
