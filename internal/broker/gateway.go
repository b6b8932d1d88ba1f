package broker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/fault"
)

// A Gateway is the lanes' side of the nodes that hold sockets: it sends commands,
// brings their replies, and brings the events of all partitions.
type Gateway struct {
	*Lanes
	pending *pending
	handle  func(*Event) error
	watch   *watch
	roster  *roster
	census  *census
	answer  func(Question, func(Answer)) // see Answering
	turn    sync.Mutex                   // held while handle runs, or missed: on a Redis Cluster each partition has a reader
	begin   func()                       // before what one read brings, see Around
	end     func()                       // and after it
	hearing *hearing                     // nil: events come from Redis

	unsent, malformed, unhandled, unread throttle

	stop context.CancelFunc
	wg   sync.WaitGroup
}

// NewGateway makes the gateway side. It does nothing before Start.
func NewGateway(l *Lanes) *Gateway {
	r, nothing := newRoster(l), func() {}
	return &Gateway{
		Lanes: l, pending: newPending(l.cfg.InFlight), roster: r, census: newCensus(r),
		begin: nothing, end: nothing,
	}
}

// Around has begin called before the replies and events that came together are handed
// over, and end after them. Neither may block. Call it before Start.
func (g *Gateway) Around(begin, end func()) { g.begin, g.end = begin, end }

// Start fixes the positions on the event lanes and starts reading. Events go to handle
// one at a time, each once, in the order of each command key, and are good until it
// returns. An event of a command that was sent from here comes after the command's answer.
// When events were missed, missed is called with the reason (ResyncGap, ResyncEpoch), at
// most once a second. Neither may block. Start fails if the nodes disagree on the number
// of partitions or Redis does not answer.
func (g *Gateway) Start(ctx context.Context, handle func(*Event) error, missed func(reason string)) error {
	if err := g.agreeOnPartitions(ctx); err != nil {
		return err
	}
	g.handle = handle
	streams := g.eventStreams()
	for p := range g.cfg.Partitions {
		if replies := g.replyStream(p, g.boot); !slices.Contains(streams, replies) {
			streams = append(streams, replies)
		}
	}
	t := newTail(g.read, streams) // nobody writes to this boot's replies yet
	t.reader.reuse, t.reader.strict, t.events = true, g.cfg.Strict, g.cfg.Partitions
	g.watch = newWatch(g.Lanes, &g.turn, missed)
	run, stop := context.WithCancel(context.Background())
	in, err := g.listen(run) // before seek: nothing is between the two
	if err == nil {
		err = g.watch.seek(ctx, t)
	}
	if err == nil {
		err = g.census.beat(ctx)
	}
	if err == nil { // who changes it sees that beat, or is seen here
		if err = g.agreeOnPartitions(ctx); err != nil {
			err = errors.Join(err, g.forget(ctx, g.roster.current()))
		}
	}
	if err != nil {
		stop()
		return fmt.Errorf("start the gateway's lanes: %w", err)
	}
	g.stop = stop
	if g.hearing != nil {
		g.watch.relay = g.hearing.key
		g.hearing.from(t)
		g.wg.Go(func() { g.hear(run, in) })
	}
	g.wg.Go(func() { eachTail(t.bySlot(), func(t *tail) { g.follow(run, t) }) })
	g.wg.Go(func() { g.roster.run(run) })
	g.wg.Go(func() { g.census.run(run) })
	g.wg.Go(func() { g.watch.keepAsking(run) })
	g.wg.Go(func() { every(run, sweepEvery, g.pending.sweep) })
	return nil
}

// Submit sends a command. It never blocks, and commands submitted one after the
// other reach their partition in that order. Id and timeout are filled in where they are
// empty, and the caller's node is this one.
//
// done is called once with the answer, within the command's timeout whatever
// happens, and perhaps once more with a late reply (see Reply.Late), which may overtake
// its "timeout". It is called from the lanes' goroutines or from Submit itself, and must
// not block.
func (g *Gateway) Submit(c *Command, done func(Reply)) {
	g.fill(c)
	if c.Timeout == 0 {
		c.Timeout = g.cfg.CommandTimeout
	}
	c.replyTo = g.boot
	done = g.receiving(c, done)
	begun := time.Now()
	deadline := begun.Add(c.Timeout)
	if err := g.pending.add(c.ID, call{begun: begun, deadline: deadline, metrics: g.metrics.Operation(c.Operation), done: done}); err != nil {
		g.countRefusal(err)
		done(ProblemReply(err, c.ID))
		return
	}
	span := g.publishing(c)
	g.publish(c, deadline, func(err error) {
		span.End(publishProblem(err))
		// Only what surely was not written is told at once. Else the command may run,
		// and its reply or its timeout answers.
		if errors.Is(err, ErrNotSent) {
			g.unsent.warn(g.log, "a command was not sent", "command", c.ID, "operation", c.Operation, "error", err)
			g.countRefusal(err)
			answer := errNotSent
			errors.As(err, &answer) // it may be a fault that says more
			g.pending.resolve(c.ID, ProblemReply(answer, c.ID))
		}
	})
}

var errNotSent = fault.New(fault.Unavailable, "the command could not be sent; nothing happened").After(time.Second)

func (g *Gateway) fill(c *Command) {
	if c.ID == "" {
		c.ID = uuid.Must(uuid.NewV7()).String()
	}
	if c.correlation == "" {
		c.correlation = c.ID
	}
	c.Caller.Node = g.cfg.Node
}

func (l *Lanes) publish(c *Command, deadline time.Time, done func(error)) {
	l.publisher.addCommand(l.partition(c.lane()), c.ID, c.encoded(), c.Input, deadline, done)
}

// follow reads the events of some partitions, and as many streams of replies, until ctx
// ends.
func (g *Gateway) follow(ctx context.Context, t *tail) {
	defer t.reader.close()
	wait := backoff{shared: &g.unread}
	for ctx.Err() == nil {
		counters := g.watch.counters.Load() // before the read: it finds what they count
		all, err := t.next(ctx)
		if err == nil {
			g.begin()
			g.take(t, all)
			g.end()
			g.fannedOut(t, all)
			err = g.watch.compare(ctx, t, counters)
		}
		if err != nil {
			if ctx.Err() == nil {
				wait.sleep(ctx, g.log, "read events and replies", err)
			}
			continue
		}
		g.turn.Lock()
		g.watch.flush(time.Now())
		g.watch.settle()
		g.turn.Unlock()
		wait.reset()
	}
}

// take handles what one read has found. All that a command has brought about comes
// in one lane, its answer with the first of it, so a read is worked off in order.
func (g *Gateway) take(t *tail, all []found) {
	now := time.Now()
	var a arrival // one for all of them
	g.turn.Lock()
	defer g.turn.Unlock()
	for _, f := range all {
		for _, e := range f.entries {
			if f.stream < t.events && !g.watch.take(t.first+f.stream, e, now) {
				continue
			}
			g.arrive(&a, e, t.streams[f.stream])
		}
	}
}

// arrive hands over what an entry brings. The turn is held.
func (g *Gateway) arrive(a *arrival, e entry, stream string) {
	err := a.parse(e)
	if err == nil && a.replyTo == g.boot {
		err = g.reply(a)
	}
	if err != nil {
		g.metrics.Malformed.Inc()
		g.malformed.warn(g.log, "skipped a malformed entry", "stream", stream, "error", err)
		return
	}
	if a.event.Namespace == "" {
		return
	}
	switch { // who acts on a request may keep parts of it
	case a.ask != "":
		err = g.asked(e.clone())
	case a.event.Action != "":
		a.event = a.event.Clone()
		err = g.handle(&a.event)
	default:
		err = g.handle(&a.event)
	}
	if err != nil {
		g.metrics.Unhandled.Inc()
		g.unhandled.warn(g.log, "skipped an event", "event", a.event.ID, "error", err)
	}
}

// reply hands over the answer that comes in an entry, of its own or with an event.
func (g *Gateway) reply(a *arrival) error {
	id, r := a.event.ID, Reply{Code: fault.Code(strings.Clone(a.code))}
	if a.event.Namespace != "" {
		id, r.Body = a.cause, []byte(a.reply)
	} else {
		r.Body = bytes.Clone(a.event.Payload)
	}
	var err error
	if r.Join, err = rooms(strings.Clone(a.join)); err == nil {
		r.Leave, err = rooms(strings.Clone(a.leave))
	}
	if err != nil {
		return fmt.Errorf("reply to %s: %w", id, err)
	}
	r.Session = []byte(a.session)
	r.Trace = a.event.Trace.Clone()
	g.pending.resolve(id, r)
	return nil
}

func rooms(s string) ([]contract.Room, error) {
	names, err := ParseList(s)
	if len(names) == 0 {
		return nil, err
	}
	r := make([]contract.Room, len(names))
	for i, n := range names {
		r[i] = contract.Room(n)
	}
	return r, nil
}

// Refuse answers new commands with "unavailable" from now on.
func (g *Gateway) Refuse() { g.pending.drain() }

// Drain refuses new commands and waits until every command has been answered, which
// is at most the longest timeout, or until ctx ends.
func (g *Gateway) Drain(ctx context.Context) error {
	select {
	case <-g.pending.drain():
		return nil
	case <-ctx.Done():
		return fmt.Errorf("commands still wait for an answer: %w", ctx.Err())
	}
}

// Close stops reading. What still waits is answered with "timeout".
func (g *Gateway) Close() {
	if g.stop != nil {
		g.stop()
		g.wg.Wait()
		g.roster.close()
	}
	g.pending.close()
}
