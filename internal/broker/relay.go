package broker

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"
)

// A Relay forwards the events that are committed to Redis to a Bus, those of a partition
// one after the other. Every node has one, and one of them leads, as in a
// GroupSubscriber: when it is gone another goes on from the position in Redis, within
// three seconds, and what the last half second brought comes twice. Two that both
// believe to lead do no harm: each sends in order without leaving anything out, so of
// both together what comes first is in order too.
//
// While the broker is away events wait in Redis, in number as for a gateway that is
// behind. Make it with NewRelay.
type Relay struct {
	*Lanes
	bus    Bus
	member *member
	stop   context.CancelFunc
	done   chan struct{}

	unsent, malformed throttle
}

// NewRelay makes the relay of one node to a broker of that name.
func NewRelay(l *Lanes, name string, b Bus) *Relay {
	r := &Relay{Lanes: l, bus: b, done: make(chan struct{})}
	r.member = &member{
		GroupSubscriber: l.GroupSubscriber(relayGroup(name)), topic: Events, id: uuid.NewString(),
		key: groupKey(relayGroup(name), Events), in: l.eventStreams(), recent: relayRecent, strict: l.cfg.Strict,
	}
	r.member.follower = func() handFunc { return r.forward }
	return r
}

// relayGroup is the group that the relays to a broker are.
func relayGroup(name string) string { return "relay " + name }

// relayRecent is how old the events are that a first relay begins with: no gateway waits
// for older ones.
const relayRecent = time.Minute

// Start begins to forward.
func (r *Relay) Start() {
	ctx, stop := context.WithCancel(context.Background())
	r.stop = stop
	go func() {
		defer close(r.done)
		r.member.run(ctx)
	}()
}

// Close hands over to another node's relay. It does not wait for ever for a broker that
// keeps silent.
func (r *Relay) Close() {
	if r.stop == nil {
		return
	}
	r.stop()
	t := time.NewTimer(2 * roundTripMax)
	defer t.Stop()
	select {
	case <-r.done:
	case <-t.C:
		r.log.Warn("the broker of events does not answer; what it was being sent comes again")
	}
}

// forward sends what one read has found, each partition by itself.
func (r *Relay) forward(ctx context.Context, t *tail, all []found) bool {
	var partitions sync.WaitGroup
	for _, f := range all {
		partitions.Go(func() { r.forwardAll(ctx, t.first+f.stream, f.entries) })
	}
	partitions.Wait()
	return ctx.Err() == nil
}

func (r *Relay) forwardAll(ctx context.Context, partition int, entries []entry) {
	wait := backoff{shared: &r.unsent}
	for _, e := range entries {
		m, err := toBus(partition, e)
		if err != nil {
			r.metrics.Malformed.Inc()
			r.malformed.warn(r.log, "skipped a malformed entry", "stream", eventStream(partition), "error", err)
			continue
		}
		if !r.send(ctx, m, &wait) {
			return
		}
		r.member.passed(eventStream(partition), e)
	}
}

// send sends one message until the broker has it; false means that ctx has ended before.
func (r *Relay) send(ctx context.Context, m *message.Message, wait *backoff) bool {
	for ctx.Err() == nil {
		err := r.bus.Publish(r.cfg.Topic, m)
		switch {
		case errors.Is(err, ErrTooLarge): // the gap in the numbers tells clients to ask again
			r.metrics.RelayLost.Inc()
			r.log.Error("an event is lost: raise the broker's limit on messages", "event", strings.Clone(m.UUID), "bytes", len(m.Payload), "error", err)
			return true
		case err == nil:
			r.metrics.Relayed.Inc()
			wait.reset()
			return true
		}
		r.metrics.RelayFailed.Inc()
		wait.sleep(ctx, r.log, "send an event to the broker", err)
	}
	return false
}
