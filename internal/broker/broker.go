// Package broker is the lanes: how a command reaches a use case on any node, and
// how its reply and its events come back. Watermill messages on Redis Streams live
// here and nowhere else. Nothing here knows a socket, and nothing here knows a use case.
//
// # Where to start
//
// Gateway is the side of the sockets: Submit, replies, events. Worker is the side of the
// use cases, and Inspector that of the operator. Lanes is what gateway and worker share. A
// GroupSubscriber is for Watermill handlers of your own. A command's way, by files:
//
//	gateway.go      Submit registers a call (pending.go), and has the command published
//	publisher.go    appends it to its partition's stream, in batches (publisher_line.go),
//	                unless too many wait there (backlog.go)
//	worker_read.go  the owner (lease.go, rebalance.go) reads it (reader.go), and takes it in
//	                unless too many of its key wait (hotkey.go)
//	job.go          runs it, behind the others of its key (pool.go), by its handler (handlers.go)
//	effects.go      makes messages of what the handler returned (emission.go)
//	committer.go    commits what many have brought about (completion.go) together (chunk.go),
//	                by one script (layout.go, lua/commit.lua)
//	gateway.go      take hands replies to their calls, and events (event.go) to the sockets
//
// Beside the way:
//
//	keys.go, metadata.go, codec.go            what is in Redis, and how; streams_doc.go for others
//	idempotency.go, lookup.go                 copies of a command have one outcome
//	settled.go                                who waits for the commits of a key
//	deadletter.go, deadletter_refused.go      what has failed by accident
//	suspects.go, hung.go                      what kills its process, or does not return
//	drain.go                                  how a worker ends
//	gaps.go, numbering.go, catchup.go         what a gateway has missed, and is still to hear
//	roster.go, census.go                      what is done when a gateway dies
//	question.go, asker.go, asker_sockets.go   questions to the nodes that hold sockets
//	dispatch.go, emitter.go                   commands and events that no client has caused
//	history.go                                events that are kept
//	bus.go, relay.go                          another broker for events
//	subscriber.go, group.go, delivery.go      Watermill's side
//	cluster.go, strict.go                     Redis Cluster; Redis with replicas
//	inspect.go, repartition.go, gauges.go     what operators see and do
//
// # The partition is the unit of everything
//
// A command's key picks its partition, p3, and all that the command touches in Redis
// carries that partition's hash tag (keys.go): cmd:{p3} has the commands that are accepted
// and not yet completed, evt:{p3} the events, own:{p3} says who owns it.
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
// Redis has closed the old one and nothing more can come through it (publisher_line.go).
//
// # The wire
//
// Stream entries have the fields of watermill-redisstream's default marshaller, so
// stock Watermill programs read and write these streams, and Publisher and
// Subscriber serve any other topic the same way. Watermill's middleware runs
// around the handlers. Its Router does not: it costs a goroutine and two channels
// a message and acknowledges one message at a time, where a partition commits many
// at once.
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
	unserved  throttle // commands that no use case here serves
	worker    *Worker  // of this process; nil: it runs no commands
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

	roundTripMax = 2 * time.Second // how long Redis may take to answer before a connection is given up
)
