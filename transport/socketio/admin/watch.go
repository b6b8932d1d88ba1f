package admin

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/transport/socketio/sockets"
)

// A watch tells one operator what goes on: it asks all nodes again and again, and hands
// on what is new. So nothing is missed when an answer comes late, and nothing is said
// while nobody watches.
type watch struct {
	*Server
	socket *sockets.Socket
	nodes  map[string]*watched // by boot

	told  time.Time // when the servers were last told of
	whole time.Time // when all sockets were
	stale bool      // and must be again: the UI knows something that is no longer so
	alone bool      // the nodes could not be asked
}

// watched is what the operator has been told of a node.
type watched struct {
	next   uint64 // entry of its record
	shown  bool   // its sockets were
	totals map[total]uint64
	heard  time.Time
}

const (
	statsEvery  = 2 * time.Second        // as the UI expects
	eventsEvery = 500 * time.Millisecond // in development mode
	lookWithin  = 1500 * time.Millisecond
	goneAfter   = 10 * time.Second // a node that was silent for so long shows no sockets
	wholeEvery  = 5 * time.Second  // at most, all sockets are told again
)

func newWatch(srv *Server, s *sockets.Socket) *watch {
	return &watch{Server: srv, socket: s, nodes: map[string]*watched{}}
}

// run watches until ctx ends.
func (w *watch) run(ctx context.Context) {
	every := statsEvery
	if w.cfg.Development {
		every = eventsEvery
	}
	t := time.NewTicker(every)
	defer t.Stop()
	for ctx.Err() == nil {
		w.look(ctx)
		select {
		case <-ctx.Done():
		case <-t.C:
		}
	}
}

// look asks once.
func (w *watch) look(ctx context.Context) {
	within, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	answers, _, err := w.Server.nodes.Nodes(within, namespace, encoded(w.question()))
	if err != nil {
		if ctx.Err() == nil && !w.alone {
			w.log.Warn("cannot ask the nodes for an admin; trying again", "error", err)
		}
		w.alone = true
		return
	}
	w.alone = false
	reports := map[string]*report{}
	for boot, answer := range answers {
		if r := reportOf(answer); r != nil {
			reports[boot] = r
		}
	}
	now := time.Now()
	if now.Sub(w.told) >= statsEvery-eventsEvery/2 {
		w.told = now
		w.stats(reports, now)
	}
	if w.cfg.Development {
		w.events(reports, now)
	}
	w.forget(reports, now)
}

// question wants what is new, or if nothing is known, everything.
func (w *watch) question() question {
	q := question{Events: w.cfg.Development, Since: map[string]uint64{}}
	for boot, n := range w.nodes {
		if n.shown {
			q.Since[boot] = n.next
		}
	}
	return q
}

// reportOf is nil for a node that has no Admin UI.
func reportOf(a broker.Answer) *report {
	var r report
	if json.Unmarshal(a.Body, &r) != nil || r.Stats.ServerID == "" {
		return nil
	}
	return &r
}

func (w *watch) node(boot string) *watched {
	n := w.nodes[boot]
	if n == nil {
		n = &watched{}
		w.nodes[boot] = n
	}
	return n
}

// stats tells of the servers, and what they have counted since the last time.
func (w *watch) stats(reports map[string]*report, now time.Time) {
	for _, boot := range slices.Sorted(maps.Keys(reports)) {
		n, r := w.node(boot), reports[boot]
		totals := map[total]uint64{}
		r.Stats.Aggregated = []aggregated{}
		for _, t := range r.Totals {
			kind := total{Type: t.Type, SubType: t.SubType}
			totals[kind] = t.Count
			if n.totals != nil && t.Count > n.totals[kind] {
				t.Count -= n.totals[kind]
				r.Stats.Aggregated = append(r.Stats.Aggregated, aggregated{now.Truncate(time.Second).UnixMilli(), t})
			}
		}
		n.totals = totals
		w.socket.Emit("server_stats", sockets.JSON(encoded(r.Stats)))
	}
}

// events tells what has happened, and at first which sockets there are.
func (w *watch) events(reports map[string]*report, now time.Time) {
	first := !slices.ContainsFunc(slices.Collect(maps.Values(w.nodes)), func(n *watched) bool { return n.shown })
	all := []json.RawMessage{}
	for _, boot := range slices.Sorted(maps.Keys(reports)) {
		n, r := w.node(boot), reports[boot]
		switch {
		case r.Whole && first:
			all = append(all, r.Sockets...)
			n.shown, n.next = true, r.Next
		case r.Whole: // a node that has come, or has more to tell than it remembers
			w.stale = true
		default:
			for _, e := range r.Entries {
				w.socket.Emit(e.Event, sockets.Payload{JSON: e.Args, Spread: true})
			}
			n.next = r.Next
		}
	}
	if first && len(reports) > 0 {
		w.whole = now
		w.socket.Emit("all_sockets", sockets.JSON(encoded(all[:min(len(all), maxSockets)])))
	}
}

// forget drops nodes that have gone, and begins anew when the UI knows what is no longer
// so.
func (w *watch) forget(reports map[string]*report, now time.Time) {
	for boot := range reports {
		w.node(boot).heard = now
	}
	for boot, n := range w.nodes {
		if now.Sub(n.heard) > goneAfter {
			w.stale = w.stale || n.shown
			delete(w.nodes, boot)
		}
	}
	if w.stale && now.Sub(w.whole) > wholeEvery {
		w.stale = false
		for _, n := range w.nodes {
			n.shown = false
		}
	}
}
