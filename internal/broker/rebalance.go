package broker

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// takeUpTo takes partitions whose lease is free or has lapsed. It asks for no more than are
// missing at a time, and goes on at the next beat when that takes long: meanwhile the
// leases that there are must be renewed.
func (w *Worker) takeUpTo(ctx context.Context, share int) error {
	w.mu.Lock()
	missing := share - len(w.owned)
	var candidates []*partition
	for i := range w.cfg.Partitions {
		n := (w.nextAsked + i) % w.cfg.Partitions
		if _, ok := w.owned[n]; !ok {
			candidates = append(candidates, newPartition(n))
		}
	}
	w.mu.Unlock()
	for begin := time.Now(); missing > 0 && len(candidates) > 0 && time.Since(begin) < beatEvery; {
		try := candidates[:min(missing, len(candidates))]
		candidates = candidates[len(try):]
		w.nextAsked = try[len(try)-1].number + 1
		epochs, err := w.own(ctx, "take", try)
		var taken []string
		w.mu.Lock()
		for i, p := range try {
			if p.epoch = epochs[i]; p.epoch != 0 {
				w.owned[p.number] = p
				if !p.inherited.IsZero() {
					w.metrics.Takeovers.Inc()
				}
				taken = append(taken, strconv.Itoa(p.number))
				missing--
			}
		}
		w.mu.Unlock()
		if len(taken) > 0 {
			w.log.Info("took partitions", "partitions", strings.Join(taken, " "))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// releaseDownTo hands over partitions beyond the share, those with the least work
// first. One that has work under way is paused, and handed over once that is
// committed.
func (w *Worker) releaseDownTo(ctx context.Context, share int) error {
	parts := w.ownedPartitions()
	surplus := len(parts) - share
	slices.SortStableFunc(parts, func(a, b *partition) int { return int(a.open.Load() - b.open.Load()) })
	now := time.Now()
	var ready []*partition
	for _, p := range parts {
		if surplus <= 0 {
			p.keep()
			continue
		}
		idle, kept := p.handOver(now)
		if idle {
			ready = append(ready, p)
		}
		if !kept {
			surplus--
		}
	}
	return w.release(ctx, ready)
}

func (w *Worker) release(ctx context.Context, parts []*partition) error {
	if len(parts) == 0 {
		return nil
	}
	w.mu.Lock()
	for _, p := range parts {
		p.lost.Store(true)
		delete(w.owned, p.number)
	}
	w.mu.Unlock()
	_, err := w.own(ctx, "release", parts)
	return err
}

// releaseIdle hands over the partitions that have nothing under way. Only for a worker
// that reads no more.
func (w *Worker) releaseIdle(ctx context.Context) error {
	return w.release(ctx, slices.DeleteFunc(w.ownedPartitions(), func(p *partition) bool { return p.open.Load() > 0 }))
}

// releaseAll hands over everything and says that this worker is gone.
func (w *Worker) releaseAll(ctx context.Context) error {
	if err := w.release(ctx, w.ownedPartitions()); err != nil {
		return err
	}
	_, err := w.leave(ctx)
	return err
}

// leave says that this worker is gone, so that the shares of the others grow, and
// tells how many they are.
func (w *Worker) leave(ctx context.Context) (others int64, err error) {
	var left *redis.IntCmd
	_, err = w.rdb.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		pipe.ZRem(ctx, workersKey, w.boot)
		left = pipe.ZCard(ctx, workersKey)
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("leave the list of workers: %w", err)
	}
	return left.Val(), nil
}

// discard leaves to the next owner what has not begun.
func (w *Worker) discard(p *partition) {
	for _, j := range p.discard() {
		w.finished(p, j.copies)
	}
}
