package broker

import (
	"fmt"
	"strconv"
	"sync/atomic"
	"time"
)

// A redisClock is Redis' clock, as its answers to beats tell it. Redis looked at it between
// the question and the answer, no more is known, and of a beat that took long that is little:
// so what others have shown holds on, until one contradicts it because a clock was set.
type redisClock struct {
	offset atomic.Int64 // Redis' clock minus ours, in ns

	// Only who beats touches these.
	least, most time.Duration // that the offset can be
	seen        time.Time
}

// clockDrift is how fast two clocks may come apart: by one second in so many.
const clockDrift = 1000

func (c *redisClock) now() time.Time { return time.Now().Add(time.Duration(c.offset.Load())) }

// read takes the time of an answer, in ms.
func (c *redisClock) read(ms string, asked, answered time.Time) error {
	n, err := strconv.ParseInt(ms, 10, 64)
	if err != nil {
		return fmt.Errorf("read Redis' time: %w", err)
	}
	least, most := time.UnixMilli(n).Sub(answered), time.UnixMilli(n+1).Sub(asked)
	drift := answered.Sub(c.seen) / clockDrift
	if l, m := max(least, c.least-drift), min(most, c.most+drift); l <= m && !c.seen.IsZero() {
		least, most = l, m
	}
	c.least, c.most, c.seen = least, most, answered
	c.offset.Store(int64(least+most) / 2)
	return nil
}
