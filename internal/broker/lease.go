package broker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

// keepBeating renews, takes and releases partitions until ctx ends.
func (w *Worker) keepBeating(ctx context.Context) {
	t := time.NewTicker(beatEvery)
	defer t.Stop()
	var wait backoff
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		case <-w.idle:
		}
		for err := w.beat(ctx); err != nil && ctx.Err() == nil; err = w.beat(ctx) {
			wait.sleep(ctx, w.log, "renew the leases of the partitions", err)
		}
		wait.reset()
	}
}

// beat says that this worker lives, renews its leases, and brings what it owns to
// its fair share: ceil(partitions / live workers).
func (w *Worker) beat(ctx context.Context) error {
	// What has begun is finished: a partition taken without our knowing is nobody's.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), roundTripMax)
	defer cancel()
	live, err := w.lookAround(ctx)
	if err != nil {
		return err
	}
	if err := w.renew(ctx); err != nil {
		return err
	}
	share := (w.cfg.Partitions + len(live) - 1) / max(len(live), 1)
	if err := w.takeUpTo(ctx, share); err != nil {
		return err
	}
	return w.releaseDownTo(ctx, share)
}

// lookAround says that this worker lives, reads Redis' clock and returns the live workers.
func (w *Worker) lookAround(ctx context.Context) ([]string, error) {
	asked := time.Now()
	live, err := workerBeatScript.Run(ctx, w.rdb, []string{workersKey}, w.boot, leaseFor.Milliseconds()).StringSlice()
	answered := time.Now()
	w.metrics.LeaseTrip.Took(answered.Sub(asked))
	if err != nil {
		return nil, fmt.Errorf("beat: %w", err)
	}
	if err := w.redisTime.read(live[0], asked, answered); err != nil {
		return nil, fmt.Errorf("beat: %w", err)
	}
	return live[1:], nil
}

// own runs the script for some partitions in one round trip and returns the epochs:
// after an error as well, of those for which it has worked. A key of another type in a
// lease's place is nobody's lease, and the others are none the worse for it.
func (w *Worker) own(ctx context.Context, what string, parts []*partition, more ...any) ([]int64, error) {
	if len(parts) == 0 {
		return nil, nil
	}
	epochs := make([]int64, len(parts))
	cmds := runScripts(ctx, w.rdb, leaseScript, len(parts), func(i int) ([]string, []any) {
		args := append([]any{what, w.cfg.Node, w.boot, parts[i].epoch, leaseFor.Milliseconds()}, more...)
		return []string{ownerKey(parts[i].number)}, args
	})
	var failed error // the first
	for i, c := range cmds {
		var err error
		epochs[i], err = parts[i].readLease(c)
		switch {
		case redis.HasErrorPrefix(err, "WRONGTYPE"):
			w.spoilt.error(w.log, "nobody can run the commands of a partition, because its lease in Redis is something else: delete that", "partition", parts[i].number, "key", parts[i].owner, "error", err)
		case err != nil && failed == nil:
			failed = fmt.Errorf("%s partition %d of %d: %w", what, parts[i].number, len(parts), err)
		}
	}
	return epochs, failed
}

// readLease reads the answer of lua/lease.lua: the epoch, and of a partition that was taken
// what is suspect in it.
func (p *partition) readLease(c *redis.Cmd) (epoch int64, err error) {
	taken, ok := c.Val().([]any)
	if !ok || c.Err() != nil {
		return c.Int64()
	}
	if len(taken) != 4 {
		return 0, errors.New("the script's answer has not four parts")
	}
	epoch, ok = taken[0].(int64)
	until, ok2 := taken[1].(string)
	died, ok3 := taken[2].(string)
	inherited, ok4 := taken[3].(int64)
	if !ok || !ok2 || !ok3 || !ok4 {
		return 0, errors.New("the script's answer is no epoch, time, entry and time")
	}
	p.suspects.died = died
	if inherited > 0 {
		p.inherited = time.UnixMilli(inherited)
	}
	if ms, err := strconv.ParseInt(until, 10, 64); err == nil && ms > 0 {
		p.suspects.until = time.UnixMilli(ms)
	}
	return epoch, nil
}

// renew renews the lease of every owned partition and drops those it has lost.
func (w *Worker) renew(ctx context.Context) error {
	asked := time.Now()
	parts := w.ownedPartitions()
	epochs, err := w.own(ctx, "renew", parts)
	if err != nil {
		return err
	}
	for i, p := range parts {
		if epochs[i] == 0 {
			w.lose(p)
		}
	}
	w.leases.L.Lock()
	w.renewed = asked
	w.leases.L.Unlock()
	w.leases.Broadcast()
	return nil
}

func (w *Worker) ownedPartitions() []*partition {
	w.mu.Lock()
	defer w.mu.Unlock()
	parts := make([]*partition, 0, len(w.owned))
	for _, p := range w.owned {
		parts = append(parts, p)
	}
	slices.SortFunc(parts, func(a, b *partition) int { return a.number - b.number })
	return parts
}

// busy are the partitions that may have handlers under way: those that are owned, and of
// those that were lost the ones that have.
func (w *Worker) busy() []*partition {
	parts := w.ownedPartitions()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lost = slices.DeleteFunc(w.lost, func(p *partition) bool { return p.open.Load() == 0 })
	return append(parts, w.lost...)
}

// lose forgets a partition that another worker may own. What still runs cannot be
// committed: the epoch in Redis has moved on.
func (w *Worker) lose(p *partition) {
	w.leases.L.Lock() // whoever waits either has not looked yet, or hears the broadcast
	again := p.lost.Swap(true)
	w.leases.L.Unlock()
	w.leases.Broadcast()
	if again {
		return
	}
	w.metrics.Lost.Inc()
	w.log.Warn("lost a partition", "partition", p.number, "epoch", p.epoch)
	w.mu.Lock()
	if w.owned[p.number] == p {
		delete(w.owned, p.number)
	}
	w.lost = append(w.lost, p)
	w.mu.Unlock()
	w.discard(p)
}

// Fresh tells whether the leases of this worker's partitions are surely its own. While they
// are not it starts nothing, and others may take them over.
func (w *Worker) Fresh(context.Context) error {
	w.leases.L.Lock()
	age := time.Since(w.renewed)
	w.leases.L.Unlock()
	if age >= freshFor {
		return fmt.Errorf("the leases of the partitions were not renewed for %s", age.Round(time.Millisecond))
	}
	return nil
}

// awaitLease waits while the leases may have lapsed, which is while Redis does not
// answer; false means the partition was lost.
func (w *Worker) awaitLease(p *partition) bool {
	w.leases.L.Lock()
	defer w.leases.L.Unlock()
	for !p.lost.Load() && time.Since(w.renewed) >= freshFor {
		w.leases.Wait()
	}
	return !p.lost.Load()
}
