package metrics

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// buckets are seconds: from what a round trip to Redis takes to beyond any timeout.
var buckets = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}

// declare makes all that is counted where it happens.
func (m *Metrics) declare() {
	f := promauto.With(m.registry)
	counter := func(name, help string) Counter { return f.NewCounter(prometheus.CounterOpts{Name: name, Help: help}) }
	counters := func(name, help string, labels ...string) *prometheus.CounterVec {
		return f.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	histograms := func(name, help string, labels ...string) *prometheus.HistogramVec {
		return f.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels)
	}
	m.answers = counters("switchyard_commands_total", "What clients of this node were answered to commands; the code is ok for a result. Many internal: look at the log and the dead letters; many timeout: at the stages.", "operation", "code")
	m.durations = histograms("switchyard_command_duration_seconds", "From a command's acceptance by the gateway to its answer, also of one that could not be sent. Of codes that have not come yet there is no series.", "operation", "code")
	m.handlers = histograms("switchyard_handler_duration_seconds", "How long a command's handler runs, with its retries. A slow one holds up its key: make it faster, or give it a longer Timeout.", "operation")
	stages := histograms("switchyard_stage_duration_seconds", "Where time goes: stream is from a command's acceptance until its turn, or its end without one (backlog, hot keys), commit from its handler's return until all of it is in Redis, fanout from an event's entry to the queues of the sockets.", "stage")
	m.Stream, m.Commit, m.FanOut = of(stages, "stream"), of(stages, "commit"), of(stages, "fanout")
	trips := histograms("switchyard_redis_round_trip_seconds", "Round trips to Redis: publish of a batch of commands, commit of what commands have brought about, lookup of idempotency keys, lease of the partitions. Slow ones slow everything down: look at Redis, its disk and the network.", "call")
	m.PublishTrip, m.CommitTrip, m.LookupTrip, m.LeaseTrip = of(trips, "publish"), of(trips, "commit"), of(trips, "lookup"), of(trips, "lease")
	m.connects = counters("switchyard_connects_total", "Sockets that asked to be let into a namespace; the code is ok for those that were. Many unauthenticated: wrong or expired tokens, or somebody guesses.", "socket_namespace", "code")

	m.Expired = counter("switchyard_commands_expired_total", "Commands completed without being run, because their time was over. There is more to do than workers do: add workers, or find the slow handler.")
	m.late = counter("switchyard_replies_late_total", "Answers that came after the caller had been told timeout.")
	m.Retries = counter("switchyard_handler_retries_total", "Further tries of handlers that failed with an error marked as transient. What they depend on is unwell.")
	m.CommitRetries = counter("switchyard_commit_retries_total", "Commits tried again because Redis did not take them. The log says why.")
	m.Redelivered = counter("switchyard_commands_redelivered_total", "Commands taken over from a worker that died, which may have run before.")
	m.Replayed = counter("switchyard_commands_replayed_total", "Commands answered with the recorded outcome of an earlier one with the same idempotency key.")
	m.FenceRejects = counter("switchyard_fence_rejects_total", "Commands whose commit Redis refused because another worker owns the partition now; that one runs them again. Workers stood still for longer than their lease: look at CPU limits and pauses.")
	m.Takeovers = counter("switchyard_takeovers_total", "Partitions taken from a worker that did not hand them over: it died, or stood still.")
	m.Lost = counter("switchyard_partitions_lost_total", "Partitions that this worker lost to another one without handing them over.")
	m.DeadLetters = counter("switchyard_dead_letters_total", "Dead letters that this node has written: commands that failed by accident. Look at them with `yard dlq list`.")
	m.DroppedDeadLetters = counter("switchyard_dead_letters_dropped_total", "Dead letters dropped because DLQ_MAX was reached. They are lost: replay or drop the others sooner.")
	overloaded := counters("switchyard_overloaded_total", "Commands refused because too much was under way: in_flight (NODE_IN_FLIGHT), backlog (PARTITION_BACKLOG), or in the queue to Redis.", "reason")
	m.InFlightFull, m.BacklogFull, m.QueueFull = overloaded.WithLabelValues("in_flight"), overloaded.WithLabelValues("backlog"), overloaded.WithLabelValues("queue")
	gaps := counters("switchyard_gaps_total", "Times this node found that it had missed events of a partition: gap (they are gone), or epoch (Redis was emptied, or has lost its last writes).", "reason")
	m.Gaps, m.Epochs = gaps.WithLabelValues("gap"), gaps.WithLabelValues("epoch")
	m.Resyncs = counter("switchyard_resyncs_total", "Times this node told its clients that they may have missed events. Each makes every client of the node ask for its state.")
	skipped := counters("switchyard_entries_skipped_total", "Entries of event lanes that this node skipped: malformed ones, and unhandled ones that are no event. Somebody else writes to the streams, or another version.", "reason")
	m.Malformed, m.Unhandled = skipped.WithLabelValues("malformed"), skipped.WithLabelValues("unhandled")
	relayed := counters("switchyard_relayed_total", "Where EVENTS names a broker, the events that this node's relay has brought there: sent, lost because they are larger than the broker takes, and tries that failed and are made again. Only the node that leads counts.", "outcome")
	m.Relayed, m.RelayLost, m.RelayFailed = relayed.WithLabelValues("sent"), relayed.WithLabelValues("lost"), relayed.WithLabelValues("failed")
}

func of(v *prometheus.HistogramVec, label string) *Histogram {
	return &Histogram{v.WithLabelValues(label)}
}

// operation makes the numbers of one command.
func (m *Metrics) operation(name string) *Operation {
	o := &Operation{name: name, durations: m.durations, late: m.late, handled: of(m.handlers, name)}
	for i, code := range codes {
		o.answered[i] = m.answers.WithLabelValues(name, code)
	}
	o.took[0].Store(&Histogram{m.durations.WithLabelValues(name, ok)})
	return o
}
