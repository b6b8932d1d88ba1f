// Package metrics is what a node tells its operators in numbers. Every metric has its
// name, its meaning and what to do about it here and nowhere else; docs/metrics.md is made
// of that, and the dashboard and the alerts in deployments/observability ask for it.
//
// What happens is counted where it happens, by the fields of Metrics: an atomic addition,
// no lock and no allocation, since every series is there from the start. What is, and what
// packages below count for themselves, is read when somebody asks (Reading).
//
// Labels are names of the catalog, codes of problems and words of this package, so that
// clients cannot make series: never a user, a room, a key or an event's name. This package
// measures nothing itself and knows no transport. Start at Metrics.
package metrics

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/fault"
)

// Metrics is what one node counts. Of what nobody reads the counting costs next to nothing.
type Metrics struct {
	registry *prometheus.Registry

	operations map[string]*Operation
	unknown    *Operation // for what no command is called
	answers    *prometheus.CounterVec
	connects   *prometheus.CounterVec
	durations  *prometheus.HistogramVec
	handlers   *prometheus.HistogramVec
	late       Counter

	// The way of a command and of its events, besides Operation.Took and Handled.
	Stream *Histogram // from its acceptance until its turn, or its end without one
	Commit *Histogram // from the handler's return until all of it is in Redis
	FanOut *Histogram // of an event, from its entry in the stream to the queues of the sockets

	// Round trips to Redis.
	PublishTrip, CommitTrip, LookupTrip, LeaseTrip *Histogram

	Expired, Retries, CommitRetries      Counter
	Redelivered, Replayed                Counter
	FenceRejects, Takeovers, Lost        Counter
	DeadLetters, DroppedDeadLetters      Counter
	InFlightFull, BacklogFull, QueueFull Counter // commands refused as overloaded
	Gaps, Epochs, Resyncs                Counter
	Malformed, Unhandled                 Counter // entries that a gateway or a relay has skipped
	Relayed, RelayFailed, RelayLost      Counter // events on their way to another broker
}

// A Counter counts upwards.
type Counter = prometheus.Counter

// A Histogram counts durations. A nil one counts nothing.
type Histogram struct{ seconds prometheus.Observer }

// Took counts one. A clock that was set back is no time at all.
func (h *Histogram) Took(d time.Duration) {
	if h != nil {
		h.seconds.Observe(max(d, 0).Seconds())
	}
}

// New makes the metrics of one node, or of a program that is none.
func New() *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry(), operations: map[string]*Operation{}}
	m.declare()
	m.unknown = m.operation(none)
	return m
}

// Serve makes the series of a catalog's commands and namespaces. Call it before anything
// is counted.
func (m *Metrics) Serve(c *contract.Catalog) {
	m.operations[contract.Refresh] = m.operation(contract.Refresh)
	for _, r := range c.Routes {
		m.operations[r.Operation] = m.operation(r.Operation)
	}
	for _, n := range c.Namespaces {
		for _, code := range codes {
			m.connects.WithLabelValues(n.Name, code)
		}
	}
}

// Operation is where a command's numbers are; those that no catalog has share one.
func (m *Metrics) Operation(name string) *Operation {
	if m == nil {
		return nil
	}
	if o, ok := m.operations[name]; ok {
		return o
	}
	return m.unknown
}

// Connected counts a socket that was let into a namespace, or why it was not. The name is
// that of the declaration.
func (m *Metrics) Connected(namespace string, code fault.Code) {
	if m != nil {
		m.connects.WithLabelValues(namespace, codes[index(code)]).Inc()
	}
}

// Gather reads everything, for tests and documents.
func (m *Metrics) Gather() prometheus.Gatherer { return m.registry }

// Handler serves everything to Prometheus, with what is known of Go and the process.
func (m *Metrics) Handler() http.Handler {
	process := prometheus.NewRegistry()
	process.MustRegister(collectors.NewGoCollector(), collectors.NewBuildInfoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return promhttp.HandlerFor(prometheus.Gatherers{m.registry, process}, promhttp.HandlerOpts{MaxRequestsInFlight: 4})
}
