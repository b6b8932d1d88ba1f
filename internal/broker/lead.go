package broker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// take tries to become the leader.
func (m *member) take(ctx context.Context) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, roundTripMax)
	defer cancel()
	asked := time.Now()
	answer, err := groupScript.Run(ctx, m.rdb, []string{m.key}, "take", m.id, 0, leaseFor.Milliseconds()).Slice()
	if err != nil || len(answer) == 0 {
		return false, err
	}
	if m.begin, err = m.since(ctx); err != nil {
		return false, err
	}
	marks, err := m.baseline(ctx)
	if err != nil {
		return false, err
	}
	m.epoch, _ = answer[0].(int64)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.renewed = asked
	before := m.at
	m.at, m.kept = map[string]string{}, map[string]string{}
	for i := 1; i+1 < len(answer); i += 2 {
		stream, _ := answer[i].(string)
		id, _ := answer[i+1].(string)
		m.at[stream], m.kept[stream] = id, id
	}
	// A Redis that was emptied has forgotten the group, too. Who led it still knows how far
	// the events had come, and so sees that some are gone.
	for _, stream := range m.in {
		key := markKey(stream)
		if at, known := before[key]; known && m.at[key] == "" {
			m.at[key] = at
		}
	}
	if m.recent > 0 { // the first leader's begin is all others', or what came to a lane without a position meanwhile is nobody's
		if m.at[beginKey] == "" {
			m.at[beginKey] = m.begin
		}
		m.begin = m.at[beginKey]
	}
	for stream, at := range marks {
		// One with a position and no mark is an older version's, and what it has passed is not
		// known: it goes on from its next event.
		if m.at[markKey(stream)] == "" && m.at[stream] == "" {
			m.at[markKey(stream)] = at.String()
		}
	}
	return true, nil
}

const beginKey = "begin" // what a group keeps the place under where it began, beside the positions

// baseline is of each lane the mark before the oldest event that is kept. A group goes on
// from there: of what is gone by the time that it has come to its first event it is told.
func (m *member) baseline(ctx context.Context) (map[string]mark, error) {
	marks := map[string]mark{}
	if m.topic != Events || m.recent > 0 {
		return marks, nil
	}
	pipe := m.rdb.Pipeline()
	counters := make([]*redis.SliceCmd, len(m.in))
	for p := range m.in {
		counters[p] = askCounter(ctx, pipe, p)
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, fmt.Errorf("find the oldest events: %w", err)
	}
	for p, stream := range m.in {
		last := counterOf(counters[p])
		if last == (mark{}) { // there was no event yet
			marks[stream] = last
			continue
		}
		before, known, err := m.oldest(ctx, stream, last)
		if err != nil {
			return nil, fmt.Errorf("find the oldest event of %s: %w", stream, err)
		}
		if known {
			marks[stream] = before
		}
	}
	return marks, nil
}

// A lane may begin with entries of strangers: so many are looked at, page by page.
const (
	strangersPage  = 64
	strangersPages = 8
)

// oldest is the mark before the oldest event of a lane whose last one is known too. It is
// not known behind too many entries of strangers.
func (m *member) oldest(ctx context.Context, stream string, last mark) (before mark, known bool, err error) {
	from := "-"
	for range strangersPages {
		entries, err := m.rdb.XRangeN(ctx, stream, from, "+", strangersPage).Result()
		if err != nil {
			return mark{}, false, err
		}
		for _, e := range entries {
			if at, before, ok := parseSeq(seqOf(e)); ok && at.seq > 1 {
				return mark{at.series, at.seq - 1}, true, nil
			} else if ok {
				return before, true, nil
			}
		}
		if len(entries) < strangersPage {
			return last, true, nil // all are gone
		}
		from = "(" + entries[len(entries)-1].ID
	}
	return mark{}, false, nil
}

var errNoLead = errors.New("another member leads")

// lead delivers messages until ctx ends or the lead is lost, which is its error.
func (m *member) lead(ctx context.Context) error {
	leading, lose := context.WithCancelCause(ctx)
	defer lose(nil)
	var beats sync.WaitGroup
	beats.Go(func() { m.keepLeading(leading, lose) })
	m.deliver(leading)
	lose(nil)
	beats.Wait()
	if cause := context.Cause(leading); cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	release, cancel := context.WithTimeout(context.WithoutCancel(ctx), roundTripMax)
	defer cancel()
	return m.keep(release, "release")
}

// keepLeading renews the lease and keeps the positions.
func (m *member) keepLeading(ctx context.Context, lose context.CancelCauseFunc) {
	for sleep(ctx, beatEvery) {
		asked := time.Now()
		trip, cancel := context.WithDeadline(ctx, m.freshUntil())
		err := m.keep(trip, "keep")
		cancel()
		switch {
		case err == nil:
			m.mu.Lock()
			m.renewed = asked
			m.mu.Unlock()
		case errors.Is(err, errNoLead) || !time.Now().Before(m.freshUntil()):
			lose(err)
			return
		}
	}
}

// freshUntil is when the leader stops to hand over, well before another member may lead.
func (m *member) freshUntil() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.renewed.Add(freshFor)
}

// awaitLease waits while the lease may have lapsed, as after this process was frozen;
// false means that the lead is lost.
func (m *member) awaitLease(ctx context.Context) bool {
	for ctx.Err() == nil {
		if time.Now().Before(m.freshUntil()) {
			return true
		}
		sleep(ctx, beatEvery/10) // it is renewed soon, or lost
	}
	return false
}

// keep runs the script with the positions that Redis does not have yet.
func (m *member) keep(ctx context.Context, what string) error {
	args := []any{what, m.id, m.epoch, leaseFor.Milliseconds()}
	changed := map[string]string{}
	m.mu.Lock()
	for stream, id := range m.at {
		if m.kept[stream] != id {
			changed[stream] = id
			args = append(args, stream, id)
		}
	}
	m.mu.Unlock()
	leads, err := groupScript.Run(ctx, m.rdb, []string{m.key}, args...).Int()
	switch {
	case err != nil:
		return fmt.Errorf("%s the lead: %w", what, err)
	case leads == 0:
		return errNoLead
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for stream, id := range changed {
		m.kept[stream] = id
	}
	return nil
}
