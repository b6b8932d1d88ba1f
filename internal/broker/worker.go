package broker

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/example/switchyard/internal/contract"
)

// A Worker is the lanes' side of the nodes that run use cases. It owns its share of
// the partitions, reads their commands, runs them in parallel by key, and commits
// what they have brought about.
type Worker struct {
	*Lanes
	serve   serveFunc
	routes  map[string]contract.Route
	pool    *pool
	commits *committer
	lookups *lookups

	mu    sync.Mutex
	owned map[int]*partition
	lost  []*partition // whose handlers run on; see busy

	nextAsked int // the partition that takeUpTo goes on with; only who beats touches it

	redisTime redisClock

	inFlight atomic.Int64  // entries read and not yet committed
	room     chan struct{} // signals that there are fewer
	idle     chan struct{} // signals that a partition to hand over has nothing under way
	alone    chan struct{} // holds one while a suspect runs
	hung     atomic.Int64  // handlers that were given up and have not returned

	undecodable, hangs, unread, spoilt throttle

	leases  sync.Cond // signals a change of renewed, or of a partition's lost
	renewed time.Time // when the leases were last surely ours

	stop             context.CancelFunc // of beating and reading, which end first
	beating, reading sync.WaitGroup
	halt             context.CancelFunc // of what finishes commands
	finishing        sync.WaitGroup
}

const (
	partitionWindow = 256                    // entries of one partition read ahead of their commits
	readBatch       = 128                    // entries of one partition in one read
	readBlock       = 250 * time.Millisecond // how soon a reader notices a new partition
	readPoll        = 5 * time.Millisecond   // how often it looks while a partition is full
)

// NewWorker makes the worker side. It does nothing before Start.
func NewWorker(l *Lanes, h *Handlers) *Worker {
	w := &Worker{Lanes: l, serve: h.server(l), routes: h.routes, owned: map[int]*partition{}, room: make(chan struct{}, 1), idle: make(chan struct{}, 1), alone: make(chan struct{}, 1)}
	w.leases.L = new(sync.Mutex)
	w.pool = newPool(l.cfg.InFlight, w.run)
	w.commits = newCommitter(w)
	w.lookups = newLookups(w)
	return w
}

// Start takes the worker's first partitions and starts to serve them. It fails if
// the nodes disagree on the number of partitions or Redis does not answer, and then
// keeps no partition.
func (w *Worker) Start(ctx context.Context) error {
	if err := w.agreeOnPartitions(ctx); err != nil {
		return err
	}
	if err := w.beat(ctx); err != nil {
		return errors.Join(fmt.Errorf("start the worker's lanes: %w", err), w.releaseAll(ctx))
	}
	if err := w.agreeOnPartitions(ctx); err != nil { // who changes it sees that beat, or is seen here
		return errors.Join(err, w.releaseAll(ctx))
	}
	run, stop := context.WithCancel(context.Background())
	w.stop = stop
	w.beating.Go(func() { w.keepBeating(run) })
	for _, r := range w.readers() {
		w.reading.Go(func() { w.follow(run, r) })
	}
	finish, halt := context.WithCancel(context.Background())
	w.halt = halt
	w.finishing.Go(func() { every(finish, sweepEvery, func(time.Time) { w.sweep() }) })
	w.finishing.Go(func() { w.commits.run(finish) })
	w.finishing.Go(func() { w.lookups.run(finish) })
	return nil
}

// now is Redis' clock.
func (w *Worker) now() time.Time { return w.redisTime.now() }

// follow reads the commands of the owned partitions, those that are the reader's, until
// ctx ends.
func (w *Worker) follow(ctx context.Context, r *commandReader) {
	defer r.close()
	wait := backoff{shared: &w.unread}
	for ctx.Err() == nil {
		parts, full := w.readable(r)
		room := r.share(w.cfg.InFlight - int(w.inFlight.Load()))
		if len(parts) == 0 || room <= 0 {
			r.waitForRoom(ctx, w, full || room <= 0)
			continue
		}
		if room < len(parts) { // they come in no order, so each has its turn
			parts, full = parts[:room], true
		}
		n, err := w.readOnce(ctx, r, parts, full, int64(room/len(parts)))
		switch {
		case err != nil && ctx.Err() == nil:
			wait.sleep(ctx, w.log, "read commands", err)
			continue
		case n == 0 && full:
			w.waitForRoom(ctx, readPoll)
		}
		wait.reset()
	}
}

// readable lists the owned partitions that may be read further, and tells whether
// there are others, or keys that are behind.
func (w *Worker) readable(r *commandReader) (parts []*partition, full bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range w.owned {
		switch {
		case r.only >= 0 && p.number != r.only:
		case !p.readable():
		case p.suspects.underWay():
			full = true
		case p.open.Load() >= partitionWindow:
			full = true
		default:
			parts = append(parts, p)
			full = full || len(p.behind) > 0
		}
	}
	return parts, full
}

// readOnce reads from the given partitions, at most so many entries of each. While
// another one is full, or a key is, it does not wait for entries, so that it sees soon
// when there is room.
func (w *Worker) readOnce(ctx context.Context, r *commandReader, parts []*partition, full bool, most int64) (n int, err error) {
	streams, after := make([]string, len(parts)), make([]string, len(parts))
	for i, p := range parts {
		streams[i], after[i] = p.commands, p.from()
	}
	block := readBlock
	if full {
		block = -1
	}
	count := min(r.batch.now, most)
	ctx, cancel := r.link.within(ctx, readBlock+roundTripMax, count)
	defer cancel()
	all, err := r.read(ctx, streams, after, count, block)
	r.batch.adapt(err, r.bytes)
	if err != nil {
		return 0, err
	}
	for i, p := range parts {
		var entries []entry
		if len(all) > 0 && all[0].stream == i { // they come in the order of the question
			entries, all = all[0].entries, all[1:]
		}
		w.took(p, after[i], entries)
		n += len(entries)
	}
	w.lookups.flush()
	return n, nil
}

func (w *Worker) waitForRoom(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-w.room:
	case <-t.C:
	}
}

// entryTime is when Redis appended an entry.
func entryTime(id string) time.Time {
	ms, _, _ := strings.Cut(id, "-")
	n, err := strconv.ParseInt(ms, 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.UnixMilli(n)
}

// finished follows each entry's commit, or the loss of its partition.
func (w *Worker) finished(p *partition, s *copies) {
	if s != nil {
		p.part(s)
	}
	w.inFlight.Add(-1)
	if p.open.Add(-1) == 0 && !p.readable() {
		signal(w.idle)
	}
	signal(w.room)
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // it is signalled already
	}
}

// Close stops without waiting for handlers. Drain first.
func (w *Worker) Close() {
	if w.stop == nil {
		return
	}
	w.stop()
	w.beating.Wait()
	w.reading.Wait()
	for _, p := range w.ownedPartitions() {
		w.lose(p)
	}
	w.halt()
	w.finishing.Wait()
	w.pool.close()
}
