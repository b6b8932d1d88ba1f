package broker

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/example/switchyard/internal/contract"
)

// The next command of a key runs when the one before it has returned, while what that one
// has brought about is still on its way into Redis. Who must not be ahead of it waits until
// the key is settled: a command that is declared so (contract.Command.AfterCommit), and one
// that reads what is kept of events under its own key, or asks sockets.

// A settling waits until nothing of a key is to be committed.
type settling struct {
	p    *partition
	key  string
	done chan struct{}
}

// settled returns a channel that is closed when nothing of a key is to be committed, or the
// partition is left to its next owner; nil if nothing is.
func (c *committer) settled(p *partition, key string) <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	for done := range c.uncommitted() {
		if done.p == p && done.key == key {
			s := settling{p, key, make(chan struct{})}
			c.settling = append(c.settling, s)
			return s.done
		}
	}
	return nil
}

// settle follows a round trip: it lets those go on who have waited for that.
func (c *committer) settle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.underWay = c.underWay[:0]
	if len(c.settling) == 0 {
		return
	}
	type queue struct {
		p   *partition
		key string
	}
	uncommitted := map[queue]bool{}
	for done := range c.uncommitted() {
		uncommitted[queue{done.p, done.key}] = true
	}
	c.settling = slices.DeleteFunc(c.settling, func(s settling) bool {
		if uncommitted[queue{s.p, s.key}] && !s.p.left() {
			return false
		}
		close(s.done)
		return true
	})
}

// uncommitted are the completions that are to be committed. The mutex is held.
func (c *committer) uncommitted() iter.Seq[*completion] {
	return func(yield func(*completion) bool) {
		all := [][]*completion{c.queue}
		for _, k := range slices.Concat(c.underWay, c.failed) {
			all = append(all, k.done)
		}
		for _, a := range c.apart {
			all = append(all, a.done)
		}
		for _, some := range all {
			for _, done := range some {
				if !yield(done) {
					return
				}
			}
		}
	}
}

// left tells whether the partition is left to its next owner.
func (p *partition) left() bool { return p.lost.Load() || p.leaving.Load() }

// awaitKey waits until a job's key is settled. False means that the command is left to
// another owner.
func (w *Worker) awaitKey(j *job) bool {
	if settled := w.commits.settled(j.p, j.command.lane()); settled != nil && !j.p.left() {
		<-settled
	}
	return !j.p.left()
}

// settled waits until a key is settled, if it is that of the command being served.
func (l *Lanes) settled(ctx context.Context, key string) error {
	if l.worker == nil || contract.CallerFrom(ctx).Lane != key {
		return nil
	}
	p := l.worker.owner(key)
	if p == nil { // what is decided here is not committed
		return nil
	}
	settled := l.worker.commits.settled(p, key)
	if settled == nil {
		return nil
	}
	select {
	case <-settled:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for the commit of the commands before: %w", ctx.Err())
	}
}

// owner is the partition of a key while it is ours, or nil.
func (w *Worker) owner(key string) *partition {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.owned[w.partition(key)]
}
