package http

import (
	"net/http"
	"net/http/pprof"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/example/switchyard/internal/broker"
)

// An Admin is the handler of the admin port: metrics and profiles, for operators
// only.
type Admin struct{ http.Handler }

// Clients are what this node knows of its clients. *socketio.Gateway is one.
type Clients interface {
	Connections() int      // now
	SlowConsumers() uint64 // so far: cut because they took too little
	Resyncs() uint64       // so far: times they were told that they may have missed events

	// Exhausted counts the commands refused so far, by the limit of a connection that
	// they exceeded: its rate, or those without an answer.
	Exhausted() (rate, unacked uint64)
}

// Overloads says what this node has refused because too much was under way.
// *broker.Gateway is one that does.
type Overloads interface{ Overloaded() broker.Overloads }

// Rates says what the rates that commands declare have refused on this node so far, and
// how many commands it held to a rate of the cluster by itself. *ratelimit.Limiter is one.
type Rates interface {
	Refused() uint64
	Alone() uint64
}

// Commands are what this node knows of the commands it runs. *broker.Worker is one.
type Commands interface {
	Expired() uint64            // so far: completed without being run, because their time was over
	DeadLetters() uint64        // so far: commands that failed by accident
	DroppedDeadLetters() uint64 // so far: older ones, for new ones
	HungHandlers() int          // now: they run although their time is over
}

// NewAdmin makes the admin handler.
func NewAdmin(c Clients, commands Commands, o Overloads, rates Rates) *Admin {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "switchyard_connections", Help: "Clients connected to this node.",
		}, func() float64 { return float64(c.Connections()) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "switchyard_slow_consumers_total", Help: "Clients cut because they took too little of what they were sent.",
		}, func() float64 { return float64(c.SlowConsumers()) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "switchyard_commands_expired_total", Help: "Commands completed without being run, because their time was over.",
		}, func() float64 { return float64(commands.Expired()) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "switchyard_resyncs_total", Help: "Times this node told its clients that they may have missed events.",
		}, func() float64 { return float64(c.Resyncs()) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "switchyard_dead_letters_total", Help: "Dead letters that this node has written: commands that failed by accident.",
		}, func() float64 { return float64(commands.DeadLetters()) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "switchyard_dead_letters_dropped_total", Help: "Dead letters dropped because DLQ_MAX was reached.",
		}, func() float64 { return float64(commands.DroppedDeadLetters()) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "switchyard_rates_alone_total", Help: "Commands held to a rate of the cluster by this node alone, because Redis did not answer.",
		}, func() float64 { return float64(rates.Alone()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "switchyard_hung_handlers", Help: "Handlers that run on although their commands' time is over; their keys wait for them.",
		}, func() float64 { return float64(commands.HungHandlers()) }),
	)
	refusals(registry, c, o, rates)
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return &Admin{boundBodies(mux)}
}

// refusals counts the commands that limits have refused, by the limit.
func refusals(registry *prometheus.Registry, c Clients, o Overloads, rates Rates) {
	counter := func(name, help, reason string, count func() uint64) {
		registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: name, Help: help, ConstLabels: prometheus.Labels{"reason": reason},
		}, func() float64 { return float64(count()) }))
	}
	exhausted := func(reason string, count func() uint64) {
		counter("switchyard_exhausted_total", "Commands refused because their connection, or their user, had reached a limit of its own.", reason, count)
	}
	overloaded := func(reason string, count func() uint64) {
		counter("switchyard_overloaded_total", "Commands refused because too much was under way.", reason, count)
	}
	exhausted("rate", func() uint64 { rate, _ := c.Exhausted(); return rate })
	exhausted("unacked", func() uint64 { _, unacked := c.Exhausted(); return unacked })
	exhausted("declared", rates.Refused)
	overloaded("in_flight", func() uint64 { return o.Overloaded().InFlight })
	overloaded("backlog", func() uint64 { return o.Overloaded().Backlog })
	overloaded("queue", func() uint64 { return o.Overloaded().Queue })
}
