package broker

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// A command that kills its process is found by what is left of it. An owner that ends
// without handing a partition over has attempted, for all that is known, every entry
// that it had read. The first time says nothing of any of them. What was there when it
// happened twice is suspect: it runs alone, and with its name written down before, so
// that the third time is charged to it and to nothing else. What cannot go on, because
// its handler hangs or Redis refuses its dead letter, holds up its key and nothing else.
//
// Ids are times, and suspects are the first in their lane: it needs no counter for each
// entry, and taking it costs the same with any backlog.
type suspects struct {
	until time.Time // entries of then and before are suspect
	died  string    // id of the entry that ran alone when an owner ended

	wait bool         // for those that are under way, before more is read. The reader's alone
	open atomic.Int64 // how many are under way
}

// suspectWindow is how many of a partition are under way at a time. Each of them may wait
// on a goroutine of the pool.
const suspectWindow = 64

// attemptsOfDead is how often an entry has been attempted that died alone.
const attemptsOfDead = 3

var errDied = errors.New("the process died while it ran")

// next tells whether the next entry of the lane may be begun, and whether it is suspect.
// While suspects are under way nothing else is begun.
func (s *suspects) next(id string) (begin, suspect bool) {
	if suspect = s.include(id); suspect {
		s.wait = true
		return s.open.Load() < suspectWindow, true
	}
	s.wait = s.underWay()
	return !s.wait, false
}

func (s *suspects) include(id string) bool {
	return !s.until.IsZero() && !entryTime(id).After(s.until)
}

// underWay tells whether other entries must wait for suspects.
func (s *suspects) underWay() bool { return s.wait && s.open.Load() > 0 }

// suspect makes a job one of a partition's suspects.
func (w *Worker) suspect(j *job) {
	j.p.suspects.open.Add(1)
	j.passed = sync.OnceFunc(func() {
		j.p.suspects.open.Add(-1)
		signal(w.room)
	})
}

// pass lets others go on beside a suspect that is committed, or cannot be for now.
func (c *completion) pass() {
	if c.passed != nil {
		c.passed()
	}
}

// hangs notes that a job which was given up still runs. Nothing but its key waits for it
// and for what comes behind it.
func (p *partition) hangs(hung *job) {
	p.mu.Lock()
	defer p.mu.Unlock()
	q := p.keys[hung.command.lane()]
	if q == nil || q.current != hung { // it has just returned
		return
	}
	q.hangs = true
	for _, j := range q.waiting {
		if j.passed != nil {
			j.passed()
		}
	}
}

// begin waits until a command may run: while the leases hold, after the commits that it is
// to come after, and for one that is suspect until no other suspect runs on this node, which would be charged as well,
// and Redis knows its name. False means that the command is left to another owner; j.end
// follows the run of a suspect.
func (w *Worker) begin(j *job) bool {
	if w.routes[j.command.Operation].AfterCommit && !w.awaitKey(j) {
		return false
	}
	if j.passed == nil {
		return w.awaitLease(j.p)
	}
	w.alone <- struct{}{}
	j.end = sync.OnceFunc(func() { <-w.alone })
	var wait backoff
	for w.awaitLease(j.p) && !j.p.leaving.Load() {
		ctx, cancel := context.WithTimeout(context.Background(), roundTripMax)
		epochs, err := w.own(ctx, "mark", []*partition{j.p}, j.entry.id)
		cancel()
		switch {
		case err != nil:
			wait.sleep(context.Background(), w.log, "mark a command that runs alone", err)
		case epochs[0] == 0:
			w.lose(j.p)
		default:
			return true
		}
	}
	j.end()
	return false
}
