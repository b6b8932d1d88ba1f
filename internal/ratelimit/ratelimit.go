// Package ratelimit holds clients to the rates that commands declare. It counts by the
// generic cell rate algorithm: of each user, one time, at which a whole burst is free
// again. Who has not sent for as long as that is forgotten, which changes nothing.
//
// What is held over all nodes is counted here first and then in Redis, by the same
// algorithm: so a flood that this node knows of costs Redis nothing, and when Redis does
// not answer, this node's own count holds. Start at Limiter.
package ratelimit

import (
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/fault"
)

// A Limiter counts for one node. Safe for concurrent use.
type Limiter struct {
	began  time.Time
	held   map[*contract.Rate]*held
	shared *shared // nil: every rate is held by this node alone

	refused, alone atomic.Uint64
}

// New makes a limiter that shares nothing.
func New() *Limiter { return &Limiter{began: time.Now(), held: map[*contract.Rate]*held{}} }

// Share holds rates that are declared so over all nodes with this counter. Call it
// before the first command.
func (l *Limiter) Share(c Counter, log *slog.Logger) {
	l.shared = &shared{counter: c, log: log, now: l.now}
}

// Refused counts the commands that were one too many.
func (l *Limiter) Refused() uint64 { return l.refused.Load() }

// Alone counts the commands that were let pass by this node's own count, because the
// shared one did not answer.
func (l *Limiter) Alone() uint64 { return l.alone.Load() }

// A Gate is what commands of one kind have to pass.
type Gate []*held

// Gate makes the gate of some rates; those that are held in Redis come last. Rates that
// commands share are counted together. Call it before the first command.
func (l *Limiter) Gate(rates []*contract.Rate) Gate {
	var own, shared Gate
	for _, r := range rates {
		h := l.held[r]
		if h == nil {
			h = &held{Rate: r, limiter: l, table: newTable(r)}
			l.held[r] = h
		}
		if r.Cluster {
			shared = append(shared, h)
		} else {
			own = append(own, h)
		}
	}
	return append(own, shared...)
}

// Pass counts one more command of a caller. Its error is a *contract.Denial with a fault,
// "exhausted". What a second rate refuses counts for the first all the same. Who shares a
// rate by Redis waits for it.
func (g Gate) Pass(by contract.Caller) error {
	for _, h := range g {
		if wait, refusals := h.take(by); wait > 0 {
			h.limiter.refused.Add(1)
			return &contract.Denial{
				Err: h.problem().After(wait), Guard: h.Name,
				Disconnect: h.DisconnectAfter > 0 && refusals > h.DisconnectAfter,
			}
		}
	}
	return nil
}

// held is one rate and who has sent how much.
type held struct {
	*contract.Rate
	limiter *Limiter
	table   *table
}

// take counts a command; wait is how long until one can be accepted, 0 if this one is,
// and refusals how many were refused since the last that was not.
func (h *held) take(by contract.Caller) (wait time.Duration, refusals int) {
	w, now := who{}, h.limiter.now()
	w.tenant, w.name = h.Key(by)
	if wait, refusals = h.table.take(w, now); wait > 0 {
		return wait, refusals
	}
	if s := h.limiter.shared; s != nil && h.Cluster {
		wait, err := s.take(h.Rate, w)
		if err != nil {
			h.limiter.alone.Add(1)
		} else if wait > 0 {
			return wait, h.table.refused(w, now, wait)
		}
	}
	if refusals > 0 {
		h.table.accepted(w)
	}
	return 0, 0
}

func (h *held) problem() *fault.Fault {
	return fault.New(fault.Exhausted, "more commands than the rate %s allows: one every %s, and %d at once", h.Name, h.Every, max(h.Burst, 1))
}

// now is the time, which is never set back.
func (l *Limiter) now() time.Duration { return time.Since(l.began) }

// who shares a rate.
type who struct{ tenant, name string }

// clone frees w of whatever read it is part of.
func (w who) clone() who { return who{strings.Clone(w.tenant), strings.Clone(w.name)} }
