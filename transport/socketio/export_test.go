package socketio

import "time"

// SetClock gives the gateway another clock, before it serves.
func (g *Gateway) SetClock(now func() time.Time, after func(time.Duration, func()) interface{ Stop() bool }) {
	g.clock = clock{now: now, after: func(d time.Duration, f func()) stopper { return after(d, f) }}
}
