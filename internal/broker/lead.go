package broker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
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
	return true, nil
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
