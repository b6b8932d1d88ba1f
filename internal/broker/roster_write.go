package broker

import (
	"context"
	"errors"

	"github.com/redis/go-redis/v9"
)

// A rosterRun is one batch of one partition.
type rosterRun struct {
	partition int
	life      string
	args      []any
}

// write writes what one round trip may carry, which is commitBytes: more might never arrive
// in time, however often it is tried. more tells that something is left.
func (r *roster) write(ctx context.Context) (more bool, err error) {
	if err := r.erase(ctx); err != nil {
		return true, err
	}
	runs := r.next()
	if len(runs) == 0 {
		return false, nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), roundTripMax)
	defer cancel()
	return r.written(runs, runScripts(ctx, r.rdb, rosterScript, len(runs), func(i int) ([]string, []any) {
		return []string{rosterKey(runs[i].partition, runs[i].life), commandStream(runs[i].partition)}, runs[i].args
	}))
}

// next takes what is to be written: batches that were not surely applied once more, which
// had room together before, and new ones as far as there is room. Where that ends the next
// round trip goes on, so that each partition has its turn.
func (r *roster) next() (runs []rosterRun) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.listed != r.name() {
		return nil
	}
	size := 0
	for p := range r.queues {
		if q := &r.queues[p]; q.sent > 0 {
			size += q.size()
			runs = append(runs, q.run(p))
		}
	}
	for range r.queues {
		if size >= commitBytes {
			break
		}
		p := r.turn % len(r.queues)
		r.turn++
		q := &r.queues[p]
		if q.sent > 0 || len(q.changes) == 0 {
			continue
		}
		if q.life != r.name() {
			q.life, q.number = r.name(), 0
		}
		q.number++
		for size < commitBytes && q.sent < min(len(q.changes), rosterBatch) {
			size += q.changes[q.sent].size()
			q.sent++
		}
		runs = append(runs, q.run(p))
	}
	return runs
}

// size is about how many bytes it takes to write what is under way.
func (q *rosterQueue) size() (n int) {
	for _, c := range q.changes[:q.sent] {
		n += c.size()
	}
	return n
}

func (c rosterChange) size() int { return entryBytes + len(c.value) }

// run is the batch that is under way.
func (q *rosterQueue) run(p int) rosterRun {
	args := make([]any, 0, 1+3*q.sent)
	args = append(args, q.number)
	for _, c := range q.changes[:q.sent] {
		args = append(args, c.what, c.stay.field, c.value)
	}
	return rosterRun{partition: p, life: q.life, args: args}
}

// written follows the answers.
func (r *roster) written(runs []rosterRun, answers []*redis.Cmd) (more bool, err error) {
	ended, forgotten := false, false
	var errs []error
	r.mu.Lock()
	life := r.name()
	for i, run := range runs {
		q := &r.queues[run.partition]
		switch n, err := answers[i].Int(); {
		case err != nil:
			errs = append(errs, err)
		case n < 0:
			q.sent = 0 // not applied: it goes into the next life
			ended = ended || n == -1 && run.life == life
			forgotten = forgotten || n == -2 && run.life == life
		default:
			q.changes, q.sent = append(q.changes[:0:0], q.changes[q.sent:]...), 0
		}
	}
	for _, q := range r.queues {
		more = more || len(q.changes) > 0
	}
	r.mu.Unlock()
	if ended || forgotten {
		r.beginAnew(life, !ended)
		more = true
	}
	return more, errors.Join(errs...)
}
