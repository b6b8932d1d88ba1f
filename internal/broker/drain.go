package broker

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// A drain keeps the leases of a worker whose beat has ended, for what still runs. Only one
// goroutine renews and hands over: a lease that is renewed after its partition was handed
// over keeps everybody out.
type drain struct {
	*Worker
	asked time.Time // when the leases were last to be renewed
}

// drainTrip is how long a drain waits for Redis: a connection that went half open must not
// take the time of a lease.
const drainTrip = time.Second

const maxNames = 30 // of commands, in an error

// Drain takes nothing more, waits until what has begun is committed and hands the
// partitions over, each as soon as nothing of it is under way. What has not begun is
// left to another worker if there is one, and else runs here. If ctx ends first, it
// names what still runs.
func (w *Worker) Drain(ctx context.Context) error {
	if w.stop == nil {
		return nil
	}
	w.stop()
	w.beating.Wait()
	d := &drain{Worker: w}
	d.awaitReaders(ctx)
	others := int64(0)
	d.try(ctx, "tell the other workers", func(trip context.Context) (err error) {
		others, err = w.leave(trip)
		return err
	})
	if others > 0 {
		for _, p := range w.ownedPartitions() {
			w.discard(p)
		}
	}
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	for w.inFlight.Load() > 0 {
		select {
		case <-ctx.Done():
			names := w.running()
			if len(names) > maxNames {
				names = append(names[:maxNames], "…")
			}
			return fmt.Errorf("%d commands still run: %s", w.inFlight.Load(), strings.Join(names, ", "))
		case <-poll.C:
		}
		if d.keepLeases(ctx) {
			d.try(ctx, "hand over partitions", w.releaseIdle) // else their leases lapse
		}
	}
	ctx, cancel := context.WithTimeout(ctx, roundTripMax)
	defer cancel()
	if err := w.releaseAll(ctx); err != nil { // all is done, and their leases lapse
		w.log.Warn("cannot hand over partitions", "error", err)
	}
	return nil
}

// awaitReaders waits for the readers, which a connection that went half open holds up.
func (d *drain) awaitReaders(ctx context.Context) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		d.reading.Wait()
	}()
	t := time.NewTicker(beatEvery / 10)
	defer t.Stop()
	for {
		d.keepLeases(ctx)
		select {
		case <-ended:
			return
		case <-t.C:
		}
	}
}

// keepLeases renews the leases when it is time; false means that it could not.
func (d *drain) keepLeases(ctx context.Context) bool {
	if time.Since(d.asked) < beatEvery {
		return true
	}
	d.asked = time.Now()
	return d.try(ctx, "renew the leases", d.renew)
}

// try makes one trip to Redis, also when ctx has ended.
func (d *drain) try(ctx context.Context, what string, f func(ctx context.Context) error) bool {
	trip, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTrip)
	defer cancel()
	err := f(trip)
	if err != nil {
		d.log.Warn("cannot "+what+" while draining", "error", err)
	}
	return err == nil
}

// running names the commands that are not finished, and says why where their handlers have
// returned.
func (w *Worker) running() []string {
	names := w.commits.names()
	for _, p := range w.busy() {
		p.mu.Lock()
		for _, q := range p.keys {
			if q.current != nil {
				names = append(names, q.current.String())
			}
			for _, j := range q.waiting {
				names = append(names, fmt.Sprintf("%s (waits for its turn)", j))
			}
		}
		p.mu.Unlock()
	}
	return names
}
