package broker

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// A gateway that was cut off or frozen is behind: what others have answered meanwhile it
// has not handed over yet. Who then sends its sockets away, because the node ends or
// because others took it for dead, waits for a debt to be paid: for all the events that
// the counters in Redis know of when they are asked next. An empty read would not do,
// since its answer may have been held up for as long as the gateway was cut off.
type debt struct {
	to    []mark // the last event owed, by partition; zero: nothing is owed any more; nil until the counters were asked
	since time.Time
	paid  func()
}

// debtMax is how long a debt is waited for once it is known: a relay to another broker may
// be away for long.
const debtMax = 10 * time.Second

// Evicted has f called when other gateways have told that the sockets of this one are
// gone, which are not: it was frozen, or cut off from Redis. They must connect again,
// and are to hear first what has come meanwhile. Call it before Start.
func (g *Gateway) Evicted(f func()) { g.roster.ended = func() { g.watch.owe(f) } }

// CatchUp waits until every event that was committed when it was called was handed over,
// or until ctx ends.
func (g *Gateway) CatchUp(ctx context.Context) error {
	done := make(chan struct{})
	g.watch.owe(func() { close(done) })
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("bring the events that are there: %w", ctx.Err())
	}
}

// owe calls paid, with the turn held, when all that is committed now was handed over.
func (w *watch) owe(paid func()) {
	w.turn.Lock()
	w.debts = append(w.debts, &debt{paid: paid})
	w.turn.Unlock()
	signal(w.hurry)
}

// unknown are the debts whose counters are still to be asked.
func (w *watch) unknown() []*debt {
	w.turn.Lock()
	defer w.turn.Unlock()
	return slices.DeleteFunc(slices.Clone(w.debts), func(d *debt) bool { return d.to != nil })
}

// know notes the counters that were asked for debts.
func (w *watch) know(debts []*debt, c *counters) {
	w.turn.Lock()
	defer w.turn.Unlock()
	for _, d := range debts {
		d.to, d.since = slices.Clone(c.last), c.asked
	}
	w.settle()
}

// settle ends the debts that are paid. The turn is held.
func (w *watch) settle() {
	w.debts = slices.DeleteFunc(w.debts, func(d *debt) bool {
		paid := d.to != nil
		for p, last := range d.to {
			if w.numberings[p].covers(last) {
				d.to[p] = mark{} // for good: a numbering remembers only so much
			}
			paid = paid && d.to[p] == mark{}
		}
		if paid = paid || d.to != nil && time.Since(d.since) > debtMax; paid {
			d.paid()
		}
		return paid
	})
}

// forgive takes what was missed of a partition, or of all for -1, out of the debts:
// clients were told, and it will not come. The turn is held.
func (w *watch) forgive(p int) {
	for _, d := range w.debts {
		for i := range d.to {
			if p < 0 || i == p {
				d.to[i] = mark{}
			}
		}
	}
	w.settle()
}
