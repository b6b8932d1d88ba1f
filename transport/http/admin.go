package http

import (
	"net/http"
	"net/http/pprof"

	"github.com/example/switchyard/internal/metrics"
)

// An Admin is the handler of the admin port: metrics and profiles, for operators
// only.
type Admin struct{ http.Handler }

// NewAdmin makes the admin handler.
func NewAdmin(m *metrics.Metrics) *Admin {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", m.Handler())
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return &Admin{boundBodies(mux)}
}
