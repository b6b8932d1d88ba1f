package broker

import (
	"context"
	"errors"

	"github.com/example/switchyard/internal/fault"
)

// What operators are told of the lanes at a moment. What happens is counted where it
// happens, see package metrics.

// Waiting counts the commands that have no answer yet.
func (g *Gateway) Waiting() int {
	g.pending.mu.Lock()
	defer g.pending.mu.Unlock()
	return g.pending.waiting
}

// Running counts the commands that were read and are not yet committed.
func (w *Worker) Running() int { return int(w.inFlight.Load()) }

// HungHandlers is how many handlers run on although their commands' time is over.
func (w *Worker) HungHandlers() int { return int(max(w.hung.Load(), 0)) }

// Owned counts the partitions that this worker owns.
func (w *Worker) Owned() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.owned)
}

// Partitions are those that this node reports to its metrics: its own, so that each is
// reported once, and those that nobody owns, which every node reports. False: Redis does
// not answer.
func (l *Lanes) Partitions(ctx context.Context) (told []PartitionState, answered bool) {
	seen := false
	told, err := (&Inspector{l.rdb, l.cfg.Partitions}).look(ctx, func(s PartitionState) bool {
		seen = true
		return s.Lease != "held" || s.Boot == l.boot
	})
	if err != nil {
		l.unseen.warn(l.log, "cannot tell of all partitions", "error", err)
	}
	return told, seen
}

// Queued is what waits to be sent to Redis.
func (l *Lanes) Queued() (entries, bytes int) { return l.publisher.queued() }

// fannedOut counts how long events took that a read has brought and that were handed over.
func (g *Gateway) fannedOut(t *tail, all []found) {
	if len(all) == 0 {
		return
	}
	now := g.census.now()
	for _, f := range all {
		if f.stream >= t.events {
			continue
		}
		for _, e := range f.entries {
			g.metrics.FanOut.Took(now.Sub(entryTime(e.id)))
		}
	}
}

// countRefusal counts a refusal, if it is one because something is full.
func (g *Gateway) countRefusal(err error) {
	var f *fault.Fault
	if !errors.As(err, &f) {
		return
	}
	switch f {
	case errOverloaded:
		g.metrics.InFlightFull.Inc()
	case errBacklog:
		g.metrics.BacklogFull.Inc()
	case errQueueFull:
		g.metrics.QueueFull.Inc()
	}
}
