package ratelimit

import (
	"sync"
	"time"

	"github.com/example/switchyard/internal/contract"
)

// A table is how far each user is from one rate. It is bounded however many names
// clients make up: it forgets first whom it makes no difference for, and then, if there
// are still too many, anybody.
type table struct {
	every, most time.Duration // for one command; for a whole burst
	limit       int           // entries

	mu      sync.Mutex
	entries map[who]*entry
	sweepAt int
}

type entry struct {
	full     time.Duration // when a whole burst is free again
	refusals int           // one after the other
}

const (
	maxEntries = 1 << 16 // of each rate
	minSweep   = 1 << 10 // fewer are not looked through
)

func newTable(r *contract.Rate) *table {
	return &table{every: r.Every, most: r.Full(), limit: maxEntries, entries: map[who]*entry{}, sweepAt: minSweep}
}

// take counts one command, or says how long until one can be accepted.
func (t *table) take(w who, now time.Duration) (wait time.Duration, refusals int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.of(w, now)
	full := max(e.full, now) + t.every
	if wait = full - now - t.most; wait > 0 {
		e.refusals++
		return wait, e.refusals
	}
	e.full = full
	return 0, e.refusals
}

// accepted ends a row of refusals.
func (t *table) accepted(w who) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e := t.entries[w]; e != nil {
		e.refusals = 0
	}
}

// refused notes that another count allows nothing for as long as that, and returns how
// many were refused.
func (t *table) refused(w who, now, wait time.Duration) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.of(w, now)
	e.full = now + wait + t.most - t.every // as the other count has it: what it refused is not counted
	e.refusals++
	return e.refusals
}

// of returns the entry of somebody, and makes room for a new one.
func (t *table) of(w who, now time.Duration) *entry {
	if e := t.entries[w]; e != nil {
		return e
	}
	if len(t.entries) >= t.sweepAt {
		t.sweep(now)
	}
	e := &entry{}
	t.entries[w.clone()] = e
	return e
}

// sweep forgets. It looks at all entries, so it comes after as many new ones as it left.
func (t *table) sweep(now time.Duration) {
	for w, e := range t.entries {
		if e.full <= now {
			delete(t.entries, w)
		}
	}
	for w := range t.entries { // in no order
		if len(t.entries) <= t.limit/2 {
			break
		}
		delete(t.entries, w)
	}
	t.sweepAt = min(max(2*len(t.entries), minSweep), t.limit)
}
