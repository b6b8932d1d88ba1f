package http

import (
	"net/http"
	"net/http/pprof"
	"strings"

	"github.com/example/switchyard/internal/metrics"
)

// An Admin is the handler of the admin port: metrics and profiles, for operators
// only, and what is mounted beside them.
type Admin struct {
	http.Handler
	mux *http.ServeMux
}

// Handle serves something else below a path. Call it before the port is served.
func (a *Admin) Handle(path string, h http.Handler) { a.mux.Handle(path, h) }

// Pages serves pages below a path, likewise. No page of others may frame them: what an
// operator clicks has effects.
func (a *Admin) Pages(path string, p Pages) {
	below := withPages(http.NewServeMux(), &pages{Pages: p})
	a.Handle(path, secure(http.StripPrefix(strings.TrimSuffix(path, "/"), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Frame-Options", "DENY")
		below.ServeHTTP(w, r)
	}))))
}

// NewAdmin makes the admin handler.
func NewAdmin(m *metrics.Metrics) *Admin {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", m.Handler())
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return &Admin{boundBodies(mux), mux}
}
