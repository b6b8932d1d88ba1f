package sockets

import (
	"sync/atomic"
	"time"
)

// A Limit names one of the limits on the events of a connection.
type Limit int

// The limits. One connection has one of each for the sockets of all its namespaces
// together: joining another namespace is no way to more.
const (
	NoLimit   Limit = iota
	RateLimit       // Config.EventRate
	OpenLimit       // Config.EventsOpen
)

// limits are how far a connection is from its limits. Idle connections are many, so
// this is a few words inside the connection: no goroutine, no timer, no lock.
type limits struct {
	// full is when the token bucket will be full again, on the clock of now: all that a
	// bucket needs to know of what was taken (the generic cell rate algorithm).
	full time.Duration
	told time.Duration // when an error event last said that a limit was exceeded

	open atomic.Int32 // events that have no answer yet; the rest belongs to the goroutine that reads
}

// burst is how many seconds' worth of events may come at once.
const burst = 2

// tellEvery bounds the error events that tell of events beyond a limit. Who asks for
// an acknowledgement of each gets one of each.
const tellEvery = time.Second

// began is long enough ago for every bucket to be full.
var began = time.Now().Add(-time.Hour)

func now() time.Duration { return time.Since(began) }

// take counts one more event, or says which limit it exceeds. One beyond the second
// limit counts for the first all the same.
func (l *limits) take(now time.Duration, rate, most int) Limit {
	if !l.pace(now, rate) {
		return RateLimit
	}
	if most > 0 && int(l.open.Load()) >= most {
		return OpenLimit
	}
	l.open.Add(1)
	return NoLimit
}

// pace counts one more against the rate; false if it exceeds it.
func (l *limits) pace(now time.Duration, rate int) bool {
	if rate == 0 {
		return true
	}
	full := max(l.full, now) + time.Second/time.Duration(rate)
	if full-now > burst*time.Second {
		return false
	}
	l.full = full
	return true
}

// tell tells whether an error event may say that a limit was exceeded.
func (l *limits) tell(now time.Duration) bool {
	if now-l.told < tellEvery {
		return false
	}
	l.told = now
	return true
}

// refused answers an event that is one too many, and drops one that was read while the
// connection was sent away. It comes before the event's arguments are looked at, so that a
// flood costs little.
func (c *conn) refused(p packet) bool {
	limit := c.limits.take(now(), c.srv.cfg.EventRate, c.srv.cfg.EventsOpen)
	if limit == NoLimit {
		return !c.owe() // its answer could not be sent any more: it is not accepted
	}
	c.srv.refused[limit].Add(1)
	s := c.socket(p.namespace)
	if s == nil {
		if !c.wasIn(p.namespace) {
			c.fail("an event for a namespace that is not connected")
		}
		return true
	}
	if (p.id != NoAck || c.limits.tell(now())) && s.awaitReady() { // as for any other event
		c.srv.handler.Exceeded(s, p.id, limit)
	}
	return true
}

// overrun tells whether a CONNECT is one too many, and counts it. The first are free: who
// comes joins all its namespaces at once.
func (c *conn) overrun() bool {
	if c.connects++; c.connects <= c.srv.cfg.MaxNamespaces || c.limits.pace(now(), c.srv.cfg.EventRate) {
		return false
	}
	c.srv.refused[RateLimit].Add(1)
	return true
}

// Done says that an event of this socket has its answer, or gets none. Call it once
// for each Handler.Event, before the acknowledgement: it makes room for the event that
// the client sends next.
func (s *Socket) Done() { s.conn.limits.open.Add(-1) }
