package broker

import (
	"context"
	"errors"
	"fmt"
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

// NewWorker makes the worker side. It does nothing before Start.
func NewWorker(l *Lanes, h *Handlers) *Worker {
	w := &Worker{Lanes: l, serve: h.server(l), routes: h.routes, owned: map[int]*partition{}, room: make(chan struct{}, 1), idle: make(chan struct{}, 1), alone: make(chan struct{}, 1)}
	w.leases.L = new(sync.Mutex)
	w.pool = newPool(l.cfg.InFlight, w.run)
	w.commits = newCommitter(w)
	w.lookups = newLookups(w)
	l.worker = w // see settled.go
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
