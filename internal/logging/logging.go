// Package logging makes the service's logger: slog, as text or JSON, with a level for each
// component. A component's lines have its name, and a component is whatever logs through
// Of. What is logged with the context of a command says which one, and what trace it is
// in; what fails again and again does not fill the log. The middleware that logs commands
// is here too, see Commands. Start at New.
package logging

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"

	"go.opentelemetry.io/otel/trace"

	"github.com/example/switchyard/internal/contract"
)

// The components.
const (
	Admin     = "admin"     // what operators do with the Admin UI
	Auth      = "auth"      // the keys of tokens
	Broker    = "broker"    // the lanes
	Command   = "commands"  // each command that is run, at debug
	Engine    = "engineio"  // connections
	HTTP      = "http"      // REST, health
	RateLimit = "ratelimit" // rates of the cluster
	Redis     = "redis"     // the client, and what the service expects of the server
	Socket    = "socketio"  // sockets and namespaces
	Tracing   = "tracing"   // the way to the collector of traces
)

var components = []string{Admin, Auth, Broker, Command, Engine, HTTP, RateLimit, Redis, Socket, Tracing}

// component is the attribute that names the component.
const component = "component"

// Of is the logger of a component.
func Of(log *slog.Logger, name string) *slog.Logger { return log.With(component, name) }

// Levels are the least levels that are logged.
type Levels struct {
	rest slog.Level // of all that is not in of
	of   map[string]slog.Level
}

// ParseLevels reads "info", or "info,broker=debug,socketio=warn"; what is not given is
// logged from info on. Its error is every mistake, joined.
func ParseLevels(s string) (Levels, error) {
	l := Levels{of: map[string]slog.Level{}}
	var errs []error
	seen := map[string]bool{}
	for item := range strings.SplitSeq(s, ",") {
		name, level, given := strings.Cut(strings.TrimSpace(item), "=")
		if !given {
			name, level = "", name
		}
		value, ok := levels[level]
		if !ok {
			errs = append(errs, fmt.Errorf("%q is not one of debug, info, warn, error", level))
		}
		if given && !slices.Contains(components, name) {
			errs = append(errs, fmt.Errorf("%q is no component; there are %s", name, strings.Join(components, ", ")))
		}
		if seen[name] && given {
			errs = append(errs, fmt.Errorf("%s has two levels", name))
		} else if seen[name] {
			errs = append(errs, errors.New("there are two levels for all components"))
		}
		seen[name] = true
		if given {
			l.of[name] = value
		} else {
			l.rest = value
		}
	}
	return l, errors.Join(errs...)
}

var levels = map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError}

// New makes a logger that writes text, or JSON.
func New(w io.Writer, text bool, l Levels) *slog.Logger {
	least := l.rest
	for level := range maps.Values(l.of) {
		least = min(least, level)
	}
	opts := &slog.HandlerOptions{Level: least}
	var h slog.Handler = slog.NewJSONHandler(w, opts)
	if text {
		h = slog.NewTextHandler(w, opts)
	}
	return slog.New(handler{Handler: h, plain: h, levels: l, level: l.rest, floods: newFloods()})
}

// A handler lets through what its component logs.
type handler struct {
	slog.Handler
	plain     slog.Handler // without what the component adds
	component string
	levels    Levels
	level     slog.Level
	floods    *floods
}

// Handle adds what the context knows of the line. Records are values: this one is ours.
func (h handler) Handle(ctx context.Context, r slog.Record) error {
	for _, told := range h.floods.ended(r.Time) {
		if err := h.plain.Handle(ctx, told); err != nil {
			return err
		}
	}
	if r.Level >= slog.LevelWarn && !h.floods.pass(kindOf(h.component, r), r.Level, r.Time) {
		return nil
	}
	if id := contract.CallerFrom(ctx).CommandID; id != "" {
		r.AddAttrs(slog.String("command", id))
	}
	if span := trace.SpanContextFromContext(ctx); span.IsValid() {
		r.AddAttrs(slog.String("trace_id", span.TraceID().String()), slog.String("span_id", span.SpanID().String()))
	}
	return h.Handler.Handle(ctx, r)
}

func (h handler) Enabled(_ context.Context, level slog.Level) bool { return level >= h.level }

func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	for _, a := range attrs {
		if a.Key == component {
			h.component = a.Value.String()
			h.level = h.levels.rest
			if level, ok := h.levels.of[h.component]; ok {
				h.level = level
			}
		}
	}
	h.Handler = h.Handler.WithAttrs(attrs)
	return h
}

func (h handler) WithGroup(name string) slog.Handler {
	h.Handler = h.Handler.WithGroup(name)
	return h
}

// IsTerminal tells whether somebody reads what is written there, as it is written.
func IsTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
