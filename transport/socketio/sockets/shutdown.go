package sockets

import (
	"context"
	"math"
	"sync/atomic"
	"time"
)

// A departure is how a connection is sent away: when nothing is owed to its client any
// more, so that no answer is lost with it.
type departure struct {
	owed    atomic.Int32 // events whose answer has not been sent, and questions to the client
	leaving atomic.Bool
}

// departed takes the place of nothing owed when the connection leaves: what is owed from
// then on stays negative.
const departed = math.MinInt32 / 2

// owe counts what the connection is to stay for; false means that it has left.
func (c *conn) owe() bool { return c.departure.owed.Add(1) > 0 }

// settle follows each owe.
func (c *conn) settle() {
	c.departure.owed.Add(-1)
	if c.departure.leaving.Load() {
		c.leave()
	}
}

// leave closes the connection, now or when all is settled.
func (c *conn) leave() {
	c.departure.leaving.Store(true)
	if c.departure.owed.CompareAndSwap(0, departed) {
		c.engine.Close()
	}
}

// Answered says that the acknowledgement of an event was sent, or that there is none. Call
// it once for each Handler.Event, after that.
func (s *Socket) Answered() { s.conn.settle() }

// SendAway closes connections, spread over a time, so that their clients connect again
// elsewhere and not all at once. One that waits for answers, or was asked something, stays
// until it has them. It returns when the last was told.
func (srv *Server) SendAway(ctx context.Context, over time.Duration) {
	all, begin := srv.connections(), time.Now()
	for i, e := range all {
		// By the clock: the shortest time that can be slept is longer than the pause between
		// two of many.
		due := begin.Add(over * time.Duration(i) / time.Duration(len(all)))
		if d := time.Until(due); d >= time.Millisecond {
			wait(ctx, d)
		}
		if c, ok := e.Receiver().(*conn); ok {
			c.leave()
		}
	}
}

// Shutdown closes every connection and waits until all have gone. What was sent before
// arrives first, but when ctx ends the rest are cut, whose number it returns.
func (srv *Server) Shutdown(ctx context.Context) (cut int) {
	for _, c := range srv.connections() {
		c.Close()
	}
	for ctx.Err() == nil {
		if srv.Connections() == 0 {
			return 0
		}
		wait(ctx, 5*time.Millisecond)
	}
	left := srv.connections()
	for _, c := range left {
		c.Cut()
	}
	return len(left)
}

func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
