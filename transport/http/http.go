// Package http serves everything on the public port: Socket.IO, the commands that
// are REST routes as well, the documents of the contract, health, and below them pages:
// files, and whatever else a handler is given for. On the admin port it serves metrics
// and profiles.
//
// A REST route comes from its command's declaration alone, goes through the same
// checks and the same lane as a socket's event, and answers with the same output or
// the same problem. What is not served at all is a problem too. Start at New.
package http

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/google/wire"

	"github.com/example/switchyard/internal/auth"
	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/cors"
	"github.com/example/switchyard/internal/logging"
	"github.com/example/switchyard/internal/metrics"
	"github.com/example/switchyard/internal/schema"
)

// Set provides the handler of the public port.
var Set = wire.NewSet(New, NewHealth)

// Lanes carries commands to use cases. *broker.Gateway is one.
type Lanes interface {
	Submit(*broker.Command, func(broker.Reply))
}

// Sockets serves Socket.IO. *socketio.Gateway is one.
type Sockets interface {
	http.Handler
	Paths() []string // where it is mounted: "/socket.io/"

	// Origins is which pages may talk to a path, if not those that may to all others.
	Origins(path string) (cors.Policy, bool)
}

// A Server is the handler of the public port. It can be mounted in another server.
type Server struct {
	handler http.Handler
	pages   pages
}

// With serves pages as well, in place of those of an earlier call. Call it before the
// server serves.
func (s *Server) With(p Pages) *Server {
	s.pages.Pages = p
	return s
}

// New makes the handler of a node that holds sockets.
func New(c *schema.Contract, lanes Lanes, a *auth.Authenticator, origins cors.Policy, sockets Sockets, health *Health, docs Docs, count *metrics.Metrics, log *slog.Logger) (*Server, error) {
	log = logging.Of(log, logging.HTTP)
	mux := http.NewServeMux()
	for _, path := range sockets.Paths() {
		if err := handle(mux, path, unhurried(sockets)); err != nil {
			return nil, fmt.Errorf("Socket.IO at %s: %w", path, err)
		}
	}
	health.mount(mux)
	for _, cmd := range c.Commands {
		if cmd.HTTP.Path == "" {
			continue
		}
		r := &route{cmd: cmd, lanes: lanes, auth: a, origins: origins, health: health, metrics: count.Operation(cmd.Operation), log: log}
		if err := handle(mux, cmd.HTTP.Method+" "+cmd.HTTP.Path, unhurried(r)); err != nil {
			return nil, fmt.Errorf("command %q: %w", cmd.Operation, err)
		}
	}
	if err := docs.mount(mux); err != nil {
		return nil, err
	}
	s := &Server{}
	s.handler = boundBodies(boundAnswers(withOrigins(origins, sockets, secure(withPages(mux, &s.pages)))))
	return s, nil
}

// withOrigins tells browsers which pages may read the answers, on each path.
func withOrigins(all cors.Policy, sockets Sockets, next http.Handler) http.Handler {
	rest := all.Middleware(next)
	own := map[string]http.Handler{}
	for _, path := range sockets.Paths() {
		if p, ok := sockets.Origins(path); ok {
			own[path] = p.Middleware(next)
		}
	}
	if len(own) == 0 {
		return rest
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for path, h := range own {
			if strings.HasPrefix(r.URL.Path, path) {
				h.ServeHTTP(w, r)
				return
			}
		}
		rest.ServeHTTP(w, r)
	})
}

// handle mounts a route; two patterns that overlap are an error, not a panic.
func handle(mux *http.ServeMux, pattern string, h http.Handler) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("its path cannot be mounted: %v", v)
		}
	}()
	mux.Handle(pattern, h)
	return nil
}

// NewWorker makes the handler of a node without sockets: health, and nothing else.
func NewWorker(health *Health) *Server {
	mux := http.NewServeMux()
	health.mount(mux)
	return &Server{handler: boundBodies(boundAnswers(secure(withPages(mux, &pages{}))))}
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// How long a client may take. The server has no such limits: a socket's requests are
// long. net/http reads the rest of a body before it answers, even if nobody else does.
const (
	bodyTimeout   = 10 * time.Second
	answerTimeout = 2 * bodyTimeout // for the rest of a body, and the answer
)

// boundBodies bounds how long a client may take to send a body, whoever reads it. Who
// does, and takes longer afterwards, takes the deadline away.
func boundBodies(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength != 0 {
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTimeout)) // not every server can
		}
		next.ServeHTTP(w, r)
	})
}

// boundAnswers bounds how long a client may take to take an answer, whoever writes it: one
// that reads nothing must not keep a goroutine, nor hold up a node that shuts down.
func boundAnswers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(answerTimeout)) // net/http ends it after the answer
		next.ServeHTTP(w, r)
	})
}

// unhurried is for a handler that may wait for long before it answers. It bounds its
// answers itself: HTTP/2 ends a request at its deadline, also when nothing is written yet.
func unhurried(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).SetWriteDeadline(time.Time{}) // as above
		next.ServeHTTP(w, r)
	})
}

// framePolicy lets no other site show our pages in a frame, to have people click there. A
// page with a policy of its own sets both.
const framePolicy = "frame-ancestors 'self'"

// secure sets what every answer but a websocket's should say.
func secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
			w.Header().Set("X-Content-Type-Options", "nosniff")
			w.Header().Set("Cache-Control", "no-store")
			w.Header().Set("Content-Security-Policy", framePolicy)
		}
		next.ServeHTTP(w, r)
	})
}
