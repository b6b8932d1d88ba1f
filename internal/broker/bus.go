package broker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
)

// A Bus is another broker that takes events to the gateways, in place of their own reads
// of Redis: Watermill's Publish and Subscribe, and a Ping to see whether it is there.
// Commands, and the answers that come without an event, stay on Redis.
//
// Events are committed to Redis as ever, and a Relay forwards them from there, an entry a
// message: its id, metadata and payload, and in the metadata besides where it was in
// Redis. So a gateway makes the same of it, in the same order: an answer that travels on
// an event, with its rooms, before that event and after those before it. What comes twice
// is dropped by its number, and what has none by its place. A jump in the numbers is
// announced as resync, as on Redis; what is lost on the way to an idle partition is told
// when the Relay is past it.
type Bus interface {
	// Publish returns when the broker has the messages, for every subscription: ErrTooLarge
	// for one that it will never take. After another error they may be there or not.
	Publish(topic string, messages ...*message.Message) error
	// Subscribe gives every message that is published once it has returned, those that
	// were published one after the other in that order, each when the one before it was
	// acknowledged. The channel is closed when ctx ends; before that, when messages may
	// have been missed.
	Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error)
	// Ping tells whether the broker can be reached, soon and without waiting for it to come
	// back.
	Ping(ctx context.Context) error
}

// ErrTooLarge is what a Bus says of a message that its broker refuses for its size.
var ErrTooLarge = errors.New("the message is larger than the broker takes")

// toBus makes a message of an entry. It shares the entry's memory.
func toBus(partition int, e entry) (*message.Message, error) {
	m, err := decode(e)
	if err != nil {
		return nil, err
	}
	m.Metadata[metaEntry] = strconv.Itoa(partition) + "/" + e.id
	delete(m.Metadata, fieldSeq)
	delete(m.Metadata, fieldUUID) // a stranger's: the brokers' marshalers want it for the id
	if e.seq != "" {
		m.Metadata[fieldSeq] = e.seq
	}
	return m, nil
}

// fromBus is the other way round.
func (l *Lanes) fromBus(m *message.Message) (partition int, e entry, err error) {
	p, id, _ := strings.Cut(m.Metadata[metaEntry], "/")
	partition, err = strconv.Atoi(p)
	if err != nil || partition < 0 || partition >= l.cfg.Partitions || entryTime(id).IsZero() {
		return 0, e, fmt.Errorf("message %s does not come from this service's relay: its %s is %q", m.UUID, metaEntry, m.Metadata[metaEntry])
	}
	e = entry{id: id, uuid: m.UUID, payload: m.Payload, seq: m.Metadata[fieldSeq]}
	e.metadata = string(appendMetadata(nil, m.Metadata))
	return partition, e, nil
}

// A hearing is a gateway's subscription to a Bus.
type hearing struct {
	bus   Bus
	key   string   // of the relay's position
	start []string // id of the last entry that was there before us, by partition
	last  []string // id of the last entry that came, likewise
	late  []lateness
}

// A lateness is what the relay has sent of a partition and has not come.
type lateness struct {
	id    string
	since time.Time
}

// Through has the gateway hear events from a Bus, by the name that its relays have. Call
// it before Start.
func (g *Gateway) Through(name string, b Bus) {
	g.hearing = &hearing{bus: b, key: groupKey(relayGroup(name), Events)}
}

// hear follows the Bus until ctx ends.
func (g *Gateway) hear(ctx context.Context, in <-chan *message.Message) {
	look := time.NewTicker(compareEvery)
	defer look.Stop()
	var again backoff
	for {
		select {
		case <-ctx.Done():
			return
		case m, open := <-in:
			if open {
				g.heard(m)
				m.Ack()
				again.reset()
				continue
			}
			again.sleep(ctx, g.log, "hear events", errInterrupted)
			if next, err := g.hearing.bus.Subscribe(ctx, g.cfg.Topic); err == nil {
				in = next
				g.lost(-1)
			}
		case <-look.C:
			g.lookBehind(time.Now())
		}
	}
}

var errInterrupted = errors.New("the subscription has ended")

// heard takes one message.
func (g *Gateway) heard(m *message.Message) {
	g.begin()
	defer g.end()
	g.turn.Lock()
	defer g.turn.Unlock()
	p, e, err := g.fromBus(m)
	switch {
	case err != nil:
		g.metrics.Malformed.Inc()
		g.malformed.warn(g.log, "skipped a message of another broker", "error", err)
	case g.known(p, e):
	default:
		g.hearing.last[p] = e.id
		if g.watch.take(p, e, time.Now()) {
			var a arrival
			g.arrive(&a, e, eventStream(p))
			g.metrics.FanOut.Took(g.census.now().Sub(entryTime(e.id)))
		}
		g.watch.settle()
	}
}

// known tells whether an entry comes again, or was there before us. Ids alone do not: in a
// lane that was deleted they begin lower when the clock of Redis was set back.
func (g *Gateway) known(p int, e entry) bool {
	n, after := &g.watch.numberings[p], g.hearing.last[p]
	if at, _, ok := parseSeq(e.seq); ok {
		switch {
		case n.seen(at):
			return true
		case at.series == n.at.series:
			return false
		case !n.knows(at.series):
			after = g.hearing.start[p]
		}
	}
	return compareIDs(e.id, after) <= 0
}

// lookBehind finds what the relay has sent long ago and has not come: no later event of
// its partition may tell of it.
func (g *Gateway) lookBehind(now time.Time) {
	c := g.watch.counters.Load()
	if c == nil {
		return
	}
	for p, id := range c.relayed {
		late := &g.hearing.late[p]
		switch {
		case id == "" || compareIDs(id, g.hearing.last[p]) <= 0:
			*late = lateness{}
		case late.id == "":
			*late = lateness{id, now}
		case compareIDs(late.id, g.hearing.last[p]) <= 0: // that has come, or more
			*late = lateness{id, now}
		case late.since.IsZero() && compareIDs(id, late.id) > 0: // more, after that was told
			*late = lateness{id, now}
		case !late.since.IsZero() && now.Sub(late.since) > lateAfter:
			*late = lateness{id: id} // it is told, with all up to now
			g.lost(p)
		}
	}
}

const lateAfter = 10 * time.Second // by which an event that a broker has is not under way any more

// lost announces that events were missed: of a partition, or -1 for any of them.
func (g *Gateway) lost(p int) {
	g.turn.Lock()
	defer g.turn.Unlock()
	g.metrics.Gaps.Inc()
	g.log.Warn("events were missed", "partition", p, "reason", ResyncGap)
	if g.watch.due == "" {
		g.watch.due = ResyncGap
	}
	g.watch.flush(time.Now())
	g.watch.forgive(p)
}

// listen subscribes to the Bus, if there is one.
func (g *Gateway) listen(ctx context.Context) (<-chan *message.Message, error) {
	if g.hearing == nil {
		return nil, nil
	}
	in, err := g.hearing.bus.Subscribe(ctx, g.cfg.Topic)
	if err != nil {
		return nil, fmt.Errorf("subscribe to the events: %w", err)
	}
	return in, nil
}

// from takes the events out of a tail that has found their end: they come by the Bus.
func (h *hearing) from(t *tail) {
	h.start, h.last, h.late = slices.Clone(t.last[:t.events]), slices.Clone(t.last[:t.events]), make([]lateness, t.events)
	t.streams, t.last, t.events = t.streams[t.events:], t.last[t.events:], 0
}
