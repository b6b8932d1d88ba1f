package broker

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// A watch finds out which events a gateway has missed: lua/commit.lua numbers those of
// each partition, so an entry tells by its number, and once a second the counters in
// Redis tell of a partition from which no entry comes. Only the goroutine that reads a
// partition changes its numbering, and holds the turn for that: whoever has the turn may
// look at it.
//
// What was missed is not known, and so neither is whom it concerns: everyone is told.
type watch struct {
	*Lanes
	turn       *sync.Mutex              // guards what follows announce
	numberings []numbering              // by partition
	counters   atomic.Pointer[counters] // the newest
	relay      string                   // key of the position of the relay from which events come, if any
	announce   func(reason string)
	due        string        // the reason to announce next
	last       time.Time     // when something was announced
	debts      []*debt       // see debt
	hurry      chan struct{} // has the counters asked at once
}

const (
	compareEvery  = time.Second
	announceEvery = time.Second // at most: one cause shows in many partitions, one after the other
)

func newWatch(l *Lanes, turn *sync.Mutex, announce func(reason string)) *watch {
	return &watch{Lanes: l, turn: turn, announce: announce, numberings: make([]numbering, l.cfg.Partitions), hurry: make(chan struct{}, 1)}
}

// counters are what Redis says of all partitions, at some moment after asked.
type counters struct {
	asked     time.Time
	last      []mark   // the last event
	noReplies []bool   // the gateway's reply stream does not exist
	relayed   []string // up to which entry the relay to another broker has come, where there is one
	agreed    bool     // Redis has the number of partitions
}

// keepAsking asks for the counters every second, and for debts at once, until ctx ends.
func (w *watch) keepAsking(ctx context.Context) {
	t := time.NewTicker(compareEvery)
	defer t.Stop()
	var failed, disagreed throttle
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		case <-w.hurry:
		}
		debts := w.unknown()
		c, err := w.ask(ctx)
		if err != nil {
			if ctx.Err() == nil {
				failed.warn(w.log, "cannot see whether events were missed, trying again", "error", err)
			}
			continue
		}
		w.counters.Store(c)
		w.know(debts, c)
		if c.agreed {
			continue
		}
		// Redis was emptied: yard, and who starts next, look for it.
		if err := w.agreeOnPartitions(ctx); err != nil && ctx.Err() == nil {
			disagreed.warn(w.log, "cannot tell Redis the number of partitions again", "error", err)
		}
	}
}

// ask reads the counters in one round trip.
func (w *watch) ask(ctx context.Context) (*counters, error) {
	ctx, cancel := context.WithTimeout(ctx, roundTripMax)
	defer cancel()
	c := &counters{asked: time.Now()}
	pipe := w.rdb.Pipeline()
	owners, replies := make([]*redis.SliceCmd, len(w.numberings)), make([]*redis.IntCmd, len(w.numberings))
	for p := range w.numberings {
		owners[p] = askCounter(ctx, pipe, p)
		replies[p] = pipe.Exists(ctx, w.replyStream(p, w.boot))
	}
	agreed := pipe.Exists(ctx, partitionsKey)
	var relayed *redis.MapStringStringCmd
	if w.relay != "" {
		relayed = pipe.HGetAll(ctx, w.relay)
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, fmt.Errorf("read the counters of events: %w", err)
	}
	c.agreed = agreed.Val() > 0
	for p := range w.numberings {
		c.last = append(c.last, counterOf(owners[p]))
		c.noReplies = append(c.noReplies, replies[p].Val() == 0)
		if relayed != nil {
			c.relayed = append(c.relayed, relayed.Val()["at "+eventStream(p)])
		}
	}
	return c, nil
}

func askCounter(ctx context.Context, pipe redis.Pipeliner, p int) *redis.SliceCmd {
	return pipe.HMGet(ctx, ownerKey(p), "series", "seq", "prev")
}

// counterOf reads the mark of a partition's last event; none before the first commit. A
// series that has begun and has no event yet ends where the one before it does.
func counterOf(cmd *redis.SliceCmd) mark {
	var text [3]string
	for i, v := range cmd.Val() {
		text[i], _ = v.(string)
	}
	last, _ := parseMark(text[0] + "." + text[1])
	if last.seq == 0 {
		last, _ = parseMark(text[2])
	}
	return last
}

// seek moves a gateway's tail to the end, and the numberings with it.
func (w *watch) seek(ctx context.Context, t *tail) error {
	marks, err := t.seekEnd(ctx)
	for p, at := range marks {
		w.numberings[p] = numberingAt(at)
	}
	return err
}

func seqOf(m redis.XMessage) string {
	s, _ := m.Values[fieldSeq].(string)
	return s
}

// take follows an entry of an event stream; false means that it came before. A
// stranger's entry has no number and is always new. The turn is held.
func (w *watch) take(p int, e entry, now time.Time) bool {
	n := &w.numberings[p]
	n.moved = now
	at, before, ok := parseSeq(e.seq)
	if !ok {
		return true
	}
	was := n.at
	seen, reason := n.take(at, before)
	if reason != "" {
		w.missed(p, was, at, reason)
	}
	return !seen
}

// compare compares a tail with counters, once. They were there before its last read
// began: a partition that has brought nothing since they were asked for has nothing to
// bring, and must be where its counter is.
func (w *watch) compare(ctx context.Context, t *tail, c *counters) error {
	if c == nil {
		return nil
	}
	if t.events == 0 && t.compared != c { // the events come from elsewhere
		t.compared = c
		if c.noReplies[t.first] {
			t.last[0] = "0-0"
		}
	}
	for i := range t.events {
		p := t.first + i
		n := &w.numberings[p]
		if n.compared == c {
			continue
		}
		reason := ""
		if n.moved.Before(c.asked) {
			reason = n.compare(c.last[p])
		}
		if reason != "" || c.noReplies[p] {
			t.last[len(t.last)-1] = "0-0" // replies are read whatever their ids; one that comes again finds nobody waiting
		}
		if reason == "" {
			n.compared = c
			continue
		}
		back, err := t.rewind(ctx, i, func(m redis.XMessage) bool {
			at, _, ok := parseSeq(seqOf(m))
			return ok && n.seen(at)
		})
		if err != nil {
			return err // the next counters are compared again
		}
		if back {
			reason = ResyncEpoch
		}
		n.compared = c
		w.turn.Lock()
		n.told = c.last[p] // see settle, which others call too
		w.missed(p, n.at, n.told, reason)
		w.turn.Unlock()
	}
	return nil
}

// missed notes that events were missed, and announces it. The turn is held.
func (w *watch) missed(p int, was, is mark, reason string) {
	if reason == ResyncEpoch {
		w.metrics.Epochs.Inc()
	} else {
		w.metrics.Gaps.Inc()
	}
	w.log.Warn("events were missed", "partition", p, "reason", reason,
		"last", was.String(), "next", is.String())
	if w.due != ResyncEpoch {
		w.due = reason
	}
	w.flush(time.Now())
}

// flush announces what is due, unless something was announced just before. The turn is
// held.
func (w *watch) flush(now time.Time) {
	if w.due == "" || now.Sub(w.last) < announceEvery {
		return
	}
	w.last = now
	w.announce(w.due)
	w.due = ""
}
