package broker

import (
	"context"
	"errors"
	"fmt"
	"strconv"
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
	at, kept := map[string]string{}, map[string]string{}
	for i := 1; i+1 < len(answer); i += 2 {
		stream, _ := answer[i].(string)
		id, _ := answer[i+1].(string)
		at[stream], kept[stream] = id, id
	}
	if m.recent > 0 { // the first leader's begin is all others', or what came to a lane without a position meanwhile is nobody's
		if at[beginKey] == "" {
			at[beginKey] = m.begin
		}
		m.begin = at[beginKey]
	}
	m.mu.Lock()
	before := m.at
	m.mu.Unlock()
	// A Redis that was emptied has forgotten the group, too. Who led it still knows how far
	// the events had come, and so sees that some are gone.
	for _, stream := range m.in {
		key := markKey(stream)
		if mark, known := before[key]; known && at[key] == "" {
			at[key] = mark
		}
	}
	if err := m.baseline(ctx, at); err != nil {
		return false, fmt.Errorf("find the oldest events: %w", err)
	}
	m.epoch, _ = answer[0].(int64)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.renewed, m.at, m.kept = asked, at, kept
	return true, nil
}

// since is the id before the first entry of a recent time, by the clock of Redis.
func (m *member) since(ctx context.Context) (string, error) {
	if m.recent == 0 {
		return "0-0", nil
	}
	now, err := m.rdb.Time(ctx).Result()
	if err != nil {
		return "", err
	}
	return strconv.FormatInt(now.Add(-m.recent).UnixMilli(), 10) + "-0", nil
}

const beginKey = "begin" // what a group keeps the place under where it began, beside the positions

// strangersMax is how many entries of strangers are looked at that a lane may begin with.
const strangersMax = 256

// baseline notes of each lane that is new to the group the mark before the oldest event
// that is kept. The group goes on from there: of what is gone by the time that it has come
// to its first event it is told. A lane with a position and no mark is an older version's,
// and what it has passed is not known; nor is what comes behind too many strangers.
func (m *member) baseline(ctx context.Context, known map[string]string) error {
	if m.topic != Events || m.recent > 0 {
		return nil
	}
	var lanes []int
	var last []*redis.SliceCmd
	pipe := m.rdb.Pipeline()
	for p, stream := range m.in {
		if known[stream] == "" && known[markKey(stream)] == "" {
			lanes, last = append(lanes, p), append(last, askCounter(ctx, pipe, p))
		}
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return err
	}
	oldest := runScripts(ctx, m.rdb, oldestEventScript, len(lanes), func(i int) ([]string, []any) {
		return []string{m.in[lanes[i]]}, []any{strangersMax}
	})
	for i, p := range lanes {
		before := counterOf(last[i])
		seq, err := oldest[i].Text()
		at, began, ok := parseSeq(seq)
		switch {
		case err != nil && !errors.Is(err, redis.Nil):
			return err
		case before == (mark{}): // no event has come yet
		case err == nil && seq == "": // all are gone
		case !ok:
			continue
		case at.seq > 1:
			before = mark{at.series, at.seq - 1}
		default:
			before = began
		}
		known[markKey(m.in[p])] = before.String()
	}
	return nil
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
