package metrics

import (
	"context"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// A Reading is what is known of a node at one moment: what is under way, and what packages
// have counted that know nothing of metrics.
type Reading struct {
	Node, Role, Version string
	Draining            bool
	DrainOverdue        time.Duration

	Connections                    int
	Namespaces                     []Namespace
	SendQueue                      int    // bytes
	SlowConsumers                  uint64 // so far, as all that is unsigned
	OriginRejected, AddressCrowded uint64

	RateExceeded, UnackedExceeded, DeclaredExceeded, CountedAlone uint64

	Waiting, Running, Hung, Owned     int
	PublishEntries, PublishQueueBytes int

	RedisUp    bool
	Partitions []Partition
	Pools      []Pool
}

// A Namespace is who is in it, on this node.
type Namespace struct {
	Name                  string
	Sockets, Rooms, Users int
}

// A Partition is one of those that this node has to tell of.
type Partition struct {
	Number               int
	Backlog, DeadLetters int64
	Oldest               time.Duration
	Ownerless            bool
}

// A Pool is the connections of one Redis client.
type Pool struct {
	Name       string
	Used, Idle int
	Timeouts   uint64
}

// readTimeout bounds how long a scrape waits for Redis; Prometheus gives up after 10 s.
const readTimeout = 2 * time.Second

// Read has every scrape call a function, which heeds its context. Call it once.
func (m *Metrics) Read(read func(context.Context) Reading) {
	m.registry.MustRegister(&reader{read})
}

// A reader is Reading as Prometheus knows it.
type reader struct {
	read func(context.Context) Reading
}

// A told is a metric that is read.
type told struct {
	*prometheus.Desc
	kind prometheus.ValueType
}

var descs []*prometheus.Desc // of all that is read

func tell(kind prometheus.ValueType, name, help string, labels ...string) told {
	t := told{prometheus.NewDesc(name, help, labels, nil), kind}
	descs = append(descs, t.Desc)
	return t
}

func gauge(name, help string, labels ...string) told {
	return tell(prometheus.GaugeValue, name, help, labels...)
}

func count(name, help string, labels ...string) told {
	return tell(prometheus.CounterValue, name, help, labels...)
}

var (
	info          = gauge("switchyard_node_info", "1, with the node's name, its role and its version as labels.", "node", "role", "version")
	draining      = gauge("switchyard_draining", "1 while the node shuts down: it takes no new clients and finishes what it has.")
	drainOverdue  = gauge("switchyard_drain_overdue_seconds", "How much longer than DRAIN_DELAY and DRAIN_SPREAD the node has been shutting down; else 0. More than half a minute: something does not end.")
	connections   = gauge("switchyard_connections", "Clients connected to this node.")
	sockets       = gauge("switchyard_sockets", "Sockets on this node; a client has one in each namespace that it joined.", "socket_namespace")
	rooms         = gauge("switchyard_rooms", "Rooms that have sockets on this node, not counting those of users.", "socket_namespace")
	users         = gauge("switchyard_users", "Users, and guests, that have sockets on this node.", "socket_namespace")
	sendQueue     = gauge("switchyard_send_queue_bytes", "What waits on this node to be taken by clients. It grows when clients or the network are slow; QUEUE_BYTES bounds it for each.")
	slow          = count("switchyard_slow_consumers_total", "Clients cut because they took too little of what they were sent. They connect again and have missed events.")
	rejected      = count("switchyard_connections_rejected_total", "Connections refused before any namespace: by their origin (CORS_ORIGINS) or while draining, or because their address has too many.", "reason")
	exhausted     = count("switchyard_exhausted_total", "Commands refused because a limit of the client was reached: rate (SOCKET_RATE), unacked (SOCKET_UNACKED), or declared with the command.", "reason")
	alone         = count("switchyard_rates_alone_total", "Commands held to a rate of the cluster by this node alone, because Redis did not answer.")
	waiting       = gauge("switchyard_commands_waiting", "Commands sent by this node that have no answer yet. At NODE_IN_FLIGHT new ones are refused.")
	running       = gauge("switchyard_commands_running", "Commands that this worker has read and not committed: running, or waiting for their key.")
	hung          = gauge("switchyard_hung_handlers", "Handlers that run on although their commands' time is over; their keys wait for them. They ignore their context.")
	owned         = gauge("switchyard_partitions_owned", "Partitions that this worker owns.")
	publishLength = gauge("switchyard_publish_queue_entries", "Entries that wait on this node to be sent to Redis.")
	publishBytes  = gauge("switchyard_publish_queue_bytes", "Bytes that wait on this node to be sent to Redis. Near 32 MiB commands are refused: Redis is slow or away.")
	backlog       = gauge("switchyard_partition_backlog", "Commands of a partition accepted and not completed, told by its owner; of one without an owner by every node.", "partition")
	oldest        = gauge("switchyard_partition_oldest_seconds", "Age of a partition's oldest command that is not completed; 0 for none.", "partition")
	deadLetters   = gauge("switchyard_partition_dead_letters", "Dead letters of a partition that are kept. Look at them with `yard dlq list`, then replay or drop them.", "partition")
	ownerless     = gauge("switchyard_partition_ownerless", "1 for a partition that no worker owns: its commands wait. For longer than some seconds: no worker runs, or none reaches Redis.", "partition")
	redisUp       = gauge("switchyard_redis_up", "1 if Redis answered this scrape, else 0; then nothing is told of partitions.")
	pool          = gauge("switchyard_redis_pool_connections", "Connections to Redis: commands and reads are of the lanes, stores of use cases.", "pool", "state")
	poolTimeouts  = count("switchyard_redis_pool_timeouts_total", "Calls of Redis that got no connection of their pool in time.", "pool")
)

// Describe is prometheus.Collector's.
func (*reader) Describe(to chan<- *prometheus.Desc) {
	for _, d := range descs {
		to <- d
	}
}

// Collect is prometheus.Collector's.
func (r *reader) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), readTimeout)
	defer cancel()
	is := r.read(ctx)
	t := teller(to)
	t.tell(info, 1, is.Node, is.Role, is.Version)
	t.tell(draining, one(is.Draining))
	t.tell(drainOverdue, is.DrainOverdue.Seconds())
	t.clients(is)
	t.tell(waiting, float64(is.Waiting))
	t.tell(running, float64(is.Running))
	t.tell(hung, float64(is.Hung))
	t.tell(owned, float64(is.Owned))
	t.tell(publishLength, float64(is.PublishEntries))
	t.tell(publishBytes, float64(is.PublishQueueBytes))
	t.redis(is)
}

type teller chan<- prometheus.Metric

func (t teller) tell(what told, value float64, labels ...string) {
	t <- prometheus.MustNewConstMetric(what.Desc, what.kind, value, labels...)
}

func (t teller) clients(is Reading) {
	t.tell(connections, float64(is.Connections))
	for _, n := range is.Namespaces {
		t.tell(sockets, float64(n.Sockets), n.Name)
		t.tell(rooms, float64(n.Rooms), n.Name)
		t.tell(users, float64(n.Users), n.Name)
	}
	t.tell(sendQueue, float64(is.SendQueue))
	t.tell(slow, float64(is.SlowConsumers))
	t.tell(rejected, float64(is.OriginRejected), "origin")
	t.tell(rejected, float64(is.AddressCrowded), "address")
	t.tell(exhausted, float64(is.RateExceeded), "rate")
	t.tell(exhausted, float64(is.UnackedExceeded), "unacked")
	t.tell(exhausted, float64(is.DeclaredExceeded), "declared")
	t.tell(alone, float64(is.CountedAlone))
}

func (t teller) redis(is Reading) {
	t.tell(redisUp, one(is.RedisUp))
	for _, p := range is.Partitions {
		number := strconv.Itoa(p.Number)
		t.tell(backlog, float64(p.Backlog), number)
		t.tell(oldest, p.Oldest.Seconds(), number)
		t.tell(deadLetters, float64(p.DeadLetters), number)
		t.tell(ownerless, one(p.Ownerless), number)
	}
	for _, p := range is.Pools {
		t.tell(pool, float64(p.Used), p.Name, "used")
		t.tell(pool, float64(p.Idle), p.Name, "idle")
		t.tell(poolTimeouts, float64(p.Timeouts), p.Name)
	}
}

func one(is bool) float64 {
	if is {
		return 1
	}
	return 0
}
