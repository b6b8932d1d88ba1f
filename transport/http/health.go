package http

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/example/switchyard/internal/logging"
)

// Health answers /livez and /readyz. A node is live while it answers at all, and
// ready while it has probes, every one passes that is not Advisory, and it does not drain.
type Health struct {
	log      *slog.Logger
	draining atomic.Pointer[time.Time] // since when

	mu     sync.Mutex
	probes []Probe
	failed map[string]bool // when last asked
}

// A Probe says whether one thing that the node needs is there.
type Probe struct {
	Name  string
	Check func(context.Context) error

	// Advisory: a failure is logged, and told by ?verbose, but the node stays ready. For what
	// other nodes do in its place.
	Advisory bool
}

// NewHealth makes the health of a node that has not started: it is not ready before
// probes are added.
func NewHealth(log *slog.Logger) *Health {
	return &Health{log: logging.Of(log, logging.HTTP), failed: map[string]bool{}}
}

// Add adds probes.
func (h *Health) Add(p ...Probe) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.probes = append(h.probes, p...)
}

// Drain makes the node not ready, for good.
func (h *Health) Drain() {
	now := time.Now()
	h.draining.CompareAndSwap(nil, &now)
}

// Draining tells whether Drain was called, and how long ago.
func (h *Health) Draining() (since time.Duration, is bool) {
	if begin := h.draining.Load(); begin != nil {
		return time.Since(*begin), true
	}
	return 0, false
}

const probeTimeout = time.Second

func (h *Health) mount(mux *http.ServeMux) {
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", h.ready)
}

// ready answers 200 or 503; with ?verbose it names each probe. Why one fails is for
// the log, not for strangers.
func (h *Health) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), probeTimeout)
	defer cancel()
	h.mu.Lock()
	probes := h.probes
	h.mu.Unlock()
	var lines []string
	if len(probes) == 0 {
		lines = append(lines, "not started")
	}
	if _, draining := h.Draining(); draining {
		lines = append(lines, "draining")
	}
	ok := len(lines) == 0
	for i, err := range run(ctx, probes) {
		p := probes[i]
		h.note(p, err)
		if err != nil {
			ok = ok && p.Advisory
			lines = append(lines, p.Name+" failed")
			continue
		}
		lines = append(lines, p.Name+" ok")
	}
	if !ok {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	switch _, verbose := r.URL.Query()["verbose"]; {
	case verbose:
		_, _ = fmt.Fprintln(w, strings.Join(lines, "\n"))
	case ok:
		_, _ = fmt.Fprintln(w, "ok")
	default:
		_, _ = fmt.Fprintln(w, "not ready")
	}
}

var errSilent = errors.New("no answer in time")

// run asks all at once, so that one that keeps silent takes no other one's time. One that
// does not heed its context is not waited for.
func run(ctx context.Context, probes []Probe) []error {
	type answer struct {
		probe int
		err   error
	}
	answers, errs := make(chan answer, len(probes)), make([]error, len(probes))
	for i, p := range probes {
		errs[i] = errSilent
		go func() { answers <- answer{i, p.Check(ctx)} }()
	}
	for range probes {
		select {
		case a := <-answers:
			errs[a.probe] = a.err
		case <-ctx.Done():
			return errs
		}
	}
	return errs
}

// note logs a probe when it begins to fail and when it passes again.
func (h *Health) note(p Probe, err error) {
	h.mu.Lock()
	changed := h.failed[p.Name] != (err != nil)
	h.failed[p.Name] = err != nil
	h.mu.Unlock()
	switch {
	case changed && err != nil:
		h.log.Warn("a probe of readiness fails", "probe", p.Name, "ready", p.Advisory, "error", err)
	case changed:
		h.log.Info("a probe of readiness passes again", "probe", p.Name)
	}
}
