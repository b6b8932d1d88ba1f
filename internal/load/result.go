package load

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// A Result is what came of a run. Times are in milliseconds, rates in a second.
type Result struct {
	Scenario    Scenario  `json:"scenario"`
	URLs        []string  `json:"urls"`
	Connections int       `json:"connections"`
	Rooms       int       `json:"rooms,omitempty"`
	Members     int       `json:"members,omitempty"`
	Window      int       `json:"window"`
	Wanted      float64   `json:"wanted_rate,omitempty"` // 0: as many as come back
	Began       time.Time `json:"began"`
	Seconds     float64   `json:"seconds"` // without the warmup

	Rate          float64 `json:"rate"` // of answers, or of connections
	Latency       Latency `json:"latency"`
	Curve         []Point `json:"curve"`
	Heard         float64 `json:"heard_rate"`
	Delivery      Latency `json:"delivery"`
	DeliveryCurve []Point `json:"delivery_curve,omitempty"`

	Problems   map[string]uint64 `json:"problems"` // answers that were, and lost connections, by code; each attempt counts
	Retries    uint64            `json:"retries"`
	Reconnects uint64            `json:"reconnects"`
	Resyncs    uint64            `json:"resyncs"`
	Away       uint64            `json:"away"` // connections that were lost, and not back in their rooms at the end

	Unanswered uint64 `json:"unanswered"`   // commands that never had an answer
	Lost       uint64 `json:"lost"`         // answered, and not heard by a member that was told of no gap
	Missed     uint64 `json:"missed"`       // the same, in a gap that was told
	Duplicated uint64 `json:"duplicated"`   // heard again
	OutOfOrder uint64 `json:"out_of_order"` // heard after what was sent later

	Timeline []Second `json:"timeline"`
}

// A Second is what happened in one.
type Second struct {
	At          float64 `json:"at"` // seconds since the load began
	Connections int64   `json:"connections"`
	Latency     Latency `json:"latency"`
	Delivery    Latency `json:"delivery"`
	Problems    uint64  `json:"problems"`
}

func (r *run) result() *Result {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.cfg
	out := &Result{
		Scenario: c.Scenario, URLs: c.URLs, Connections: c.connections(), Window: c.Window, Wanted: c.Rate, Began: r.began,
		Problems: map[string]uint64{}, Retries: r.counts.retries.Load(), Reconnects: r.counts.reconnects.Load(),
		Resyncs: r.counts.resyncs.Load(), Unanswered: r.counts.unanswered.Load(), Timeline: r.seconds,
	}
	if c.Scenario == Broadcast {
		out.Rooms, out.Members = c.Rooms, c.Members
	}
	r.counts.mu.Lock()
	maps.Copy(out.Problems, r.counts.codes)
	r.counts.mu.Unlock()
	var took, heardFor time.Duration
	out.Latency, took, out.Curve = r.answers.all()
	out.Delivery, heardFor, out.DeliveryCurve = r.deliveries.all()
	out.Seconds, out.Rate = took.Seconds(), per(out.Latency.Count, took)
	out.Heard = per(out.Delivery.Count, heardFor)
	for _, m := range r.members {
		if !m.there.Load() {
			out.Away++
		}
		for _, s := range r.senders[m.room] {
			if c.Scenario == Broadcast {
				lost, missed := m.missing(s)
				out.Lost, out.Missed = out.Lost+lost, out.Missed+missed
			}
		}
		m.mu.Lock()
		for _, s := range m.heard {
			out.Duplicated, out.OutOfOrder = out.Duplicated+s.duplicated, out.OutOfOrder+s.reordered
		}
		m.mu.Unlock()
	}
	return out
}

func per(n int64, d time.Duration) float64 {
	if d <= 0 {
		return 0
	}
	return float64(n) / d.Seconds()
}

// Broken says which promises were broken: nothing may be lost, come twice, out of order,
// or stay without an answer, and nobody stay away.
func (r *Result) Broken() []string {
	var all []string
	for what, n := range map[string]uint64{
		"lost": r.Lost, "duplicated": r.Duplicated, "out of order": r.OutOfOrder, "unanswered": r.Unanswered,
		"connections not back at the end": r.Away,
	} {
		if n > 0 {
			all = append(all, fmt.Sprintf("%d %s", n, what))
		}
	}
	switch {
	case r.Scenario == Connect && r.Latency.Count < int64(r.Connections):
		all = append(all, fmt.Sprintf("%d of %d connections were made", r.Latency.Count, r.Connections))
	case r.Scenario != Connect && r.Latency.Count == 0:
		all = append(all, "nothing was answered")
	}
	slices.Sort(all)
	return all
}

// JSON is the result for programs.
func (r *Result) JSON() ([]byte, error) { return json.MarshalIndent(r, "", "  ") }

// String is the result for people.
func (r *Result) String() string {
	var b strings.Builder
	row := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-14s "+format+"\n", append([]any{name}, args...)...)
	}
	row("scenario", "%s, %s", r.Scenario, r.shape())
	unit := "answers"
	if r.Scenario == Connect {
		unit = "connections"
	}
	row(unit, "%d in %.1f s: %.0f/s", r.Latency.Count, r.Seconds, r.Rate)
	row("latency", "%s", r.Latency)
	if r.Scenario == Broadcast {
		row("events heard", "%d: %.0f/s", r.Delivery.Count, r.Heard)
		row("delivery", "%s", r.Delivery)
	}
	row("problems", "%s", r.problems())
	row("connections", "%d made again, %d away at the end, %d resyncs, %d events missed in gaps that were told", r.Reconnects, r.Away, r.Resyncs, r.Missed)
	row("promises", "%d unanswered, %d lost, %d duplicated, %d out of order", r.Unanswered, r.Lost, r.Duplicated, r.OutOfOrder)
	return b.String()
}

func (r *Result) shape() string {
	s := fmt.Sprintf("%d connections", r.Connections)
	if r.Scenario == Broadcast {
		s += fmt.Sprintf(" (%d rooms of %d)", r.Rooms, r.Members)
	}
	switch {
	case r.Wanted > 0:
		s += fmt.Sprintf(", %g/s wanted", r.Wanted)
	case r.Scenario != Connect:
		s += fmt.Sprintf(", window %d", r.Window)
	}
	return s
}

func (r *Result) problems() string {
	if len(r.Problems) == 0 {
		return "none"
	}
	var all []string
	for _, code := range slices.Sorted(maps.Keys(r.Problems)) {
		all = append(all, fmt.Sprintf("%s %d", code, r.Problems[code]))
	}
	return fmt.Sprintf("%s; %d retries", strings.Join(all, ", "), r.Retries)
}

func (l Latency) String() string {
	return fmt.Sprintf("p50 %.2f  p90 %.2f  p99 %.2f  p99.9 %.2f  max %.2f ms", l.P50, l.P90, l.P99, l.P999, l.Max)
}
