package broker

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
)

// A delivery hands entries over to Watermill, one at a time, until each is acknowledged.
// Safe for concurrent use.
type delivery struct {
	out chan *message.Message
	log *slog.Logger

	turn      sync.Mutex // held while one is not acknowledged
	events    map[string]*sequence
	nacked    backoff
	malformed throttle
	lost      throttle
}

// A sequence is how far the events of one stream have come.
type sequence struct {
	numbering
	missed string // why events before the next message are gone; "" when none are
}

func newDelivery(out chan *message.Message, log *slog.Logger) *delivery {
	return &delivery{out: out, log: log, events: map[string]*sequence{}}
}

// handAll hands over what a read has brought.
func (d *delivery) handAll(ctx context.Context, t *tail, all []found) bool {
	for _, f := range all {
		for _, e := range f.entries {
			if !d.hand(ctx, t.streams[f.stream], e) {
				return false
			}
		}
	}
	return true
}

// hand hands one entry over; false means that ctx has ended before it was acknowledged.
func (d *delivery) hand(ctx context.Context, stream string, e entry) bool {
	d.turn.Lock()
	defer d.turn.Unlock()
	d.follow(stream, e)
	m, err := decode(e)
	if err != nil {
		d.malformed.warn(d.log, "skipped a malformed entry", "stream", stream, "error", err)
		return true
	}
	if s := d.events[stream]; s != nil && s.missed != "" {
		m.Metadata[MetaMissed], s.missed = s.missed, ""
	}
	for !d.deliver(ctx, stream, m) {
		if ctx.Err() != nil {
			return false
		}
		d.nacked.sleep(ctx, d.log, "handle message "+m.UUID+" of "+stream, errNacked)
	}
	d.nacked.reset()
	return true
}

// follow finds out by an event's number whether some before it are gone. What is no event,
// or a stranger's, has none.
func (d *delivery) follow(stream string, e entry) {
	at, before, ok := parseSeq(e.seq)
	if !ok {
		return
	}
	s := d.events[stream]
	if s == nil {
		d.resume(stream, mark{strings.Clone(at.series), at.seq}) // which would keep the whole read
		return
	}
	last := s.at
	if _, reason := s.take(at, before); reason != "" {
		s.missed = reason
		d.lost.error(d.log, "a subscriber has missed events: they are gone from their lane", "stream", stream, "reason", reason, "last", last.String(), "next", at.String())
	}
}

// resume goes on after an event.
func (d *delivery) resume(stream string, at mark) {
	d.events[stream] = &sequence{numbering: numberingAt(at)}
}

var errNacked = errors.New("it was nacked")

// slowAfter is when a handler that has a message is told of: all behind it waits.
const slowAfter = 30 * time.Second

// deliver hands a message over and tells whether it was acknowledged.
func (d *delivery) deliver(ctx context.Context, stream string, m *message.Message) bool {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	id := m.UUID
	m = m.Copy()
	m.SetContext(ctx)
	select {
	case d.out <- m:
	case <-ctx.Done():
		return false
	}
	slow := time.AfterFunc(slowAfter, func() {
		d.log.Warn("a handler has not acknowledged its message, and gets no other", "stream", stream, "message", id, "after", slowAfter)
	})
	defer slow.Stop()
	select {
	case <-m.Acked():
		return true
	case <-m.Nacked():
		return false
	case <-ctx.Done():
		return false
	}
}
