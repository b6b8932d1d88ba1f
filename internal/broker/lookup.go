package broker

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// A lookup asks for the record of some copies.
type lookup struct {
	p      *partition
	copies *copies
}

// lookups fetch the records of commands with an idempotency key, all that a read has
// found in one round trip. Such commands, and those behind them in their lanes, wait
// for it in their queues and hold no goroutine; others do not wait.
type lookups struct {
	w *Worker

	mu    sync.Mutex
	queue []lookup
	wake  chan struct{}

	// Only run touches these.
	failed   []lookup // to be tried again
	failures int
	due      time.Time // when
	batch    batchSize
	unhappy  throttle
}

const lookupBatch = 512 // records in one round trip

func newLookups(w *Worker) *lookups {
	return &lookups{w: w, wake: make(chan struct{}, 1), batch: batchSize{now: lookupBatch, max: lookupBatch}}
}

// add queues a lookup, and flush sends what is queued.
func (l *lookups) add(p *partition, s *copies) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.queue = append(l.queue, lookup{p, s})
}

func (l *lookups) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.queue) > 0 {
		signal(l.wake)
	}
}

func (l *lookups) run(ctx context.Context) {
	retry := time.NewTimer(0)
	defer retry.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.wake:
		case <-retry.C:
		}
		for todo := l.next(time.Now()); len(todo) > 0 && ctx.Err() == nil; todo = l.next(time.Now()) {
			l.fetch(ctx, todo)
		}
		if len(l.failed) > 0 {
			retry.Reset(time.Until(l.due))
		}
	}
}

// next takes what one round trip looks up: what is to be tried again, once that is
// due, else what is new, which does not wait for it.
func (l *lookups) next(now time.Time) (todo []lookup) {
	if len(l.failed) > 0 && !now.Before(l.due) {
		n := min(len(l.failed), int(l.batch.now))
		todo, l.failed = l.failed[:n:n], l.failed[n:]
		return todo
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	n := min(len(l.queue), int(l.batch.now))
	if todo, l.queue = l.queue[:n:n], l.queue[n:]; len(l.queue) == 0 {
		l.queue = nil // and not the rest of what was sent
	}
	return todo
}

// fetch looks up and lets run what has worked. On a Redis Cluster one command must
// stay in one slot, and so in one partition.
func (l *lookups) fetch(ctx context.Context, todo []lookup) {
	ctx, cancel := context.WithTimeout(ctx, roundTripMax)
	defer cancel()
	runs := [][]lookup{todo}
	if onCluster(l.w.rdb) {
		runs = byPartition(todo)
	}
	cmds, begin := make([]*redis.SliceCmd, len(runs)), time.Now()
	_, _ = l.w.rdb.Pipelined(ctx, func(pipe redis.Pipeliner) error { // each command has its own error
		for i, run := range runs {
			keys := make([]string, len(run))
			for k, u := range run {
				keys[k] = u.copies.record
			}
			cmds[i] = pipe.MGet(ctx, keys...)
		}
		return nil
	})
	l.w.metrics.LookupTrip.Took(time.Since(begin))
	var failed error
	for i, run := range runs {
		values, err := cmds[i].Result()
		if err == nil && len(values) != len(run) {
			err = fmt.Errorf("Redis answers MGET of %d keys with %d values", len(run), len(values))
		}
		if err != nil {
			failed = err
			l.again(run)
			continue
		}
		for k, u := range run {
			outcome, _ := values[k].(string) // nil, also for a key of another type
			l.found(u, outcome)
		}
	}
	l.paceAfter(failed)
}

// found lets copies run.
func (l *lookups) found(u lookup, outcome string) {
	if q := u.p.found(u.copies, outcome); q != nil {
		l.w.pool.schedule(q)
	}
}

// again keeps what has failed. Copies in a partition that was lost meanwhile are
// left to its next owner: let go, they find out and run nothing.
func (l *lookups) again(run []lookup) {
	for _, u := range run {
		if u.p.lost.Load() {
			l.found(u, "")
			continue
		}
		l.failed = append(l.failed, u)
	}
}

func (l *lookups) paceAfter(err error) {
	l.batch.adapt(err, 0) // records are small
	if len(l.failed) == 0 {
		l.failures = 0
	}
	if err == nil {
		return
	}
	l.failures++
	l.due = time.Now().Add(pause(l.failures))
	l.unhappy.warn(l.w.log, "cannot look up what commands with an idempotency key have brought about, trying again",
		"commands", len(l.failed), "failures", l.failures, "error", err)
}

func byPartition(todo []lookup) (runs [][]lookup) {
	at := map[*partition]int{}
	for _, u := range todo {
		i, ok := at[u.p]
		if !ok {
			i = len(runs)
			at[u.p] = i
			runs = append(runs, nil)
		}
		runs[i] = append(runs[i], u)
	}
	return runs
}
