package broker

import (
	"slices"
	"sync/atomic"
)

// An eviction sends a gateway's sockets away once other gateways have ended its life, and
// after all that had come until it found out: each reader has read to the end since. A
// read that was under way does not count, since its answer may have been held up for as
// long as the gateway was cut off.
type eviction struct {
	ends    atomic.Int64 // lives of this gateway that others have ended
	evict   func()       // nil: nobody is to be sent away
	readers []*tail
	done    int64 // ends after which the sockets were sent away
}

// Evicted has f called when other gateways have told that the sockets of this one are
// gone, which are not: it was frozen, or cut off from Redis. They must connect again,
// and are to hear first what has come meanwhile. Call it before Start.
func (g *Gateway) Evicted(f func()) {
	g.eviction.evict = f
	g.roster.ended = func() { g.eviction.ends.Add(1) }
}

// read notes that a reader's read, and what it brought, is done, and how many lives had
// ended before the read. The gateway's turn is held.
func (e *eviction) read(t *tail, ends int64) {
	if ends == e.done || t.more {
		return
	}
	t.ends = ends
	if slices.ContainsFunc(e.readers, func(other *tail) bool { return other.ends < ends }) {
		return
	}
	e.done = ends
	e.evict()
}
