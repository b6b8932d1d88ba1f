// Package broker is the lanes: how a command reaches a use case on any node, and
// how its reply and its events come back. Watermill messages on Redis Streams live
// here and nowhere else.
//
// # The partition is the unit of everything
//
// A command's key picks its partition. All that the command touches in Redis
// carries that partition's hash tag:
//
//	cmd:{p3}              accepted, not yet completed commands: the stream is the backlog
//	own:{p3}              who owns the partition: node, boot, epoch, until; numbers of
//	                      commits and events; what was there when an owner died
//	evt:{p3}              events, and requests to the nodes that hold sockets
//	rep:<node.boot>       replies for one gateway's boot; on a Redis Cluster rep:{p3}:<node.boot>
//	kept:{p3}:<event key> the newest of an event that is kept, for each key
//	idem:{p3}:<hash>      the outcome of a command with an idempotency key
//	dlq:{p3}              dead letters: commands that failed by accident
//	ans:<boot>            answers of the nodes' sockets to one process, see question.go
//	roster:{p3}:<life>    commands to submit when sockets of a gateway are gone, see roster.go
//	fwd:{p3}:<command>    that a follow-up command was sent on to this partition, and so is not again
//
// The rest is of no command: who lives ("workers", "gateways"), how many partitions there
// are ("partitions"), how far groups of subscribers are (group:{<name> <topic>}), and what
// waits for a replica (strict:{p3}).
//
// Each partition has one owner, a worker node that holds its lease. The owner
// reads the stream with plain XREAD, which changes nothing, so that a reader that
// lost its lease takes nothing away and the next owner simply reads from the
// start. Keys run in parallel, one key never does. What commands have brought
// about is committed by one script for many of them: if the epoch is still the
// owner's, each command's entry is deleted, and with it its reply, its events and
// its follow-up commands are appended, or nothing is. One run commits for all
// partitions of a round trip (on a Redis Cluster for one). Commits are numbered within
// an epoch, and Redis keeps the last number: one that is tried again because its
// answer was lost, or arrives after it was given up, does nothing, and no entry has to
// be looked for. There is no consumer group to lose and nothing to trim.
//
// A reply travels on the first event of its command, if there is one, and else alone:
// with the events if it changes rooms, and to its gateway only if it does not. So a
// gateway applies the rooms of an answer in the order of the lane, before the events
// that come after and after those that came before. Every gateway node reads all event
// lanes and its own replies from fixed positions, in one XREAD.
//
// Commands are plain XADDs, pipelined in batches over one connection, and so are in the
// lanes in the order in which a node was given them. When that connection breaks and it
// is not known what of a batch has arrived, the next batch goes over another one, after
// Redis has closed the old one and nothing more can come through it (see line).
//
// # On a Redis Cluster
//
// A partition is in one slot, and so is every command and every run of a script. A read
// is one too: each partition has a loop and a connection of its own for it, and events
// are still handed over one at a time (cluster.go). The clients follow redirections, and
// send nothing twice. While a slot moves, Redis refuses whatever names several of its
// keys unless it has them all: commits wait and are tried again, and each stream is read
// by itself.
//
// # Copies of a command
//
// Commands of one user, operation, key and idempotency key are copies: a client tries
// again. They have one lane, so they run one after the other. The first that comes to
// an outcome has it recorded by its own commit: the digest of its input, its reply and
// its changes of the caller's rooms. The others are answered with that and not run.
// Recorded are results and the faults that the state of things gave (see final), not
// accidents, timeouts, and what asks for another try: after those a copy runs.
//
// The records of all copies that a read has found are looked up in one round trip,
// after the read. Other lanes do not wait for it, also when it fails. Copies that are
// under way in a partition at the same time share one lookup and the outcome in memory,
// from before the lookup until the last of them is committed. So a copy is either read
// before an earlier one's commit was known, and sees the outcome in memory, or its
// lookup comes after that commit, and finds the record. A bounded history of recent
// outcomes would not do: a copy can wait behind something slow in its lane while any
// number of others are committed. A new owner starts with nothing in memory and looks
// up after it has taken the partition, when the old one can commit no more. An outcome
// in memory may be replayed before it is committed, because a partition's completions
// are committed in order, or not at all.
//
// # What is kept of events
//
// An event that declares how many are to be kept is also written by the commit that
// announces it, to the stream of its command's key. A handler that wrote such a history
// itself would wait for a round trip of its own, and its message could be there
// although the command has failed, or be told before it is there. The stream is in the
// partition of the key; who changes their number moves it (repartition.go).
//
// # Gaps
//
// A commit numbers its events in the same script: each entry has "<series>.<number>" in
// the field _seq, and own:{p3} keeps the last one. A gateway sees a jump in what it
// reads, and once a second it compares with the counters, so that an idle partition tells
// as well. It then announces resync to all its clients: what was missed is not known.
//
// A series has a random name. The script begins another when a commit does not follow
// the owner's last one: after a change of owner, but also when Redis was emptied or a
// failover took back the last writes, of which numbers that went on would tell nothing.
// The first entry of a series names the event before it, so a change of owner is not
// announced, and a loss is. A number stands for one event for ever, so one that comes
// again, when a stream is read again from its start, is dropped. Strangers' entries have
// no number: they are emitted and not counted.
//
// Who sends sockets away asks the same counters first, and waits until what they count was
// handed over: a gateway that was cut off is behind (catchup.go).
//
// # Another broker for events
//
// With a Bus the gateways do not read evt:{p3}. A Relay does, and forwards it; all above
// holds there too, since what arrives is the entry as it was committed. See bus.go and
// relay.go.
//
// # When a gateway dies
//
// Gateways beat in the sorted set "gateways". What a use case wants to know of the end of
// a connection is on its gateway's roster in Redis, from joining the room on: when the
// gateway dies, another one submits it within seconds. See roster.go and census.go.
//
// # The wire
//
// Stream entries have the fields of watermill-redisstream's default marshaller, so
// stock Watermill programs read and write these streams, and Publisher and
// Subscriber serve any other topic the same way. Watermill's middleware runs
// around the handlers. Its Router does not: it costs a goroutine and two channels
// a message and acknowledges one message at a time, where a partition commits many
// at once.
//
// # Where to start
//
// Gateway is the side of the sockets: Submit, replies, events. Worker is the side
// of the use cases, and Inspector that of the operator. Lanes is what they share. A
// GroupSubscriber is for Watermill handlers of your own. Nothing here knows a socket,
// and nothing here knows a use case.
package broker

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/wire"
	"github.com/redis/go-redis/v9"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/metrics"
	"github.com/example/switchyard/internal/tracing"
)

// Set provides both sides of the lanes. Lanes and Handlers are made by who knows the
// connections and the middleware.
var Set = wire.NewSet(
	NewGateway, NewWorker,
	NewHistory, wire.Bind(new(contract.History), new(*History)),
	NewAsker, wire.Bind(new(contract.Sockets), new(*Asker)),
)

// Config is what the lanes can be told. Zero values take the defaults.
type Config struct {
	Node           string        // unique name of this process' node
	Partitions     int           // 16; the same on every node, kept in Redis
	InFlight       int           // 2,000: commands one node has waiting for a reply, and commands one node runs
	Backlog        int           // 1,000: commands of one partition that wait, beyond which new ones are refused
	CommandTimeout time.Duration // 5 s: for commands that declare none
	IdempotencyTTL time.Duration // how long the outcome of a command with an idempotency key is kept; 0: it is not
	MaxOutput      int           // 4,000,000: bytes of all that one command brings about
	DeadLetters    int           // 100,000: about as many are kept, of all partitions together
	Strict         bool          // gateways tell clients only what a replica of Redis has, see strict.go
	Topic          string        // switchyard-events: of events on a Bus; of each service its own

	Metrics *metrics.Metrics // what the lanes count; nil: nobody reads it
	Tracer  *tracing.Tracer  // nil: nothing is traced
}

func (c *Config) setDefaults() {
	if c.Partitions == 0 {
		c.Partitions = 16
	}
	if c.InFlight == 0 {
		c.InFlight = 2000
	}
	if c.Backlog == 0 {
		c.Backlog = 1000
	}
	if c.CommandTimeout == 0 {
		c.CommandTimeout = 5 * time.Second
	}
	if c.MaxOutput == 0 {
		c.MaxOutput = 4_000_000
	}
	if c.DeadLetters == 0 {
		c.DeadLetters = 100_000
	}
	if c.Topic == "" {
		c.Topic = "switchyard-events"
	}
	if c.Metrics == nil {
		c.Metrics = metrics.New()
	}
}

// Lanes is what the gateway and the worker of one process share.
type Lanes struct {
	cfg  Config
	boot string // "<node>.<random>": this process, and no earlier one of the same name
	rdb  redis.UniversalClient
	read redis.UniversalClient // for blocking reads only, which hold a connection each
	log  *slog.Logger

	publisher *Publisher
	metrics   *metrics.Metrics
	unseen    throttle // partitions that cannot be told of
}

// NewLanes makes the lanes of one process. Commands and reads take two clients, so
// that blocking reads never starve a command; make both without retries, because a
// repeated XADD is a second command.
func NewLanes(cfg Config, rdb, read redis.UniversalClient, log *slog.Logger) (*Lanes, error) {
	cfg.setDefaults()
	if cfg.Node == "" {
		return nil, errors.New("broker: the node has no name")
	}
	random := make([]byte, 4)
	if _, err := rand.Read(random); err != nil {
		return nil, fmt.Errorf("broker: name this boot: %w", err)
	}
	l := &Lanes{cfg: cfg, boot: cfg.Node + "." + hex.EncodeToString(random), rdb: rdb, read: read, log: log, metrics: cfg.Metrics}
	l.publisher = newPublisher(rdb, newBacklogs(cfg.Partitions, cfg.Backlog), cfg.Metrics.PublishTrip, log)
	return l, nil
}

// Close sends what is still queued. Close gateway and worker before, and the Redis
// clients after.
func (l *Lanes) Close() error { return l.publisher.Close() }

// Events is the topic of all events. Subscribe to it with a Subscriber from
// Lanes.Subscriber to hear them in a Watermill handler of your own.
const Events = "events"

// Boot names this process on the lanes.
func (l *Lanes) Boot() string { return l.boot }

// Times of the lanes. A lease is renewed at every beat; a worker that could not
// renew for freshFor starts no handler, well before another may take over.
const (
	beatEvery = 500 * time.Millisecond
	leaseFor  = 2500 * time.Millisecond
	freshFor  = 2 * time.Second
)
