package broker

import (
	"sync"
	"sync/atomic"
	"time"
)

// A partition is one stretch of owning it: from taking it to losing it.
type partition struct {
	number                  int
	owner, commands, events string // its keys in Redis
	epoch                   int64
	last                    string    // id of the last entry read; only the reader touches it
	behind                  positions // of the keys that are behind, see keyWindow; only the reader touches it
	onwards                 bool      // the last read was from last; only the reader touches it
	commits                 int       // counts its commits; only the committer touches it
	suspects                suspects
	inherited               time.Time // entries of then and before may have run: who owned it before has not handed it over

	open    atomic.Int64 // entries read and not yet committed
	lost    atomic.Bool  // somebody else may own it: start nothing, commit nothing
	leaving atomic.Bool  // left to its next owner: start nothing

	mu     sync.Mutex
	paused time.Time // since when it is to be handed over and accepts nothing; zero: it is not
	kept   time.Time // until when it is not to be handed over
	keys   map[string]*keyQueue
	copies map[string]*copies // by the key of their record
}

func newPartition(number int) *partition {
	return &partition{
		number: number, owner: ownerKey(number), commands: commandStream(number), events: eventStream(number),
		last: "0-0", behind: positions{}, keys: map[string]*keyQueue{}, copies: map[string]*copies{},
	}
}

func (p *partition) readable() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.paused.IsZero() && !p.lost.Load()
}

// handOver accepts nothing more; idle means that nothing is under way either. One
// slow command must not stop the partition's other keys: when it does for too long,
// the partition is kept for a while.
func (p *partition) handOver(now time.Time) (idle, kept bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case now.Before(p.kept):
		return false, true
	case p.paused.IsZero():
		p.paused = now
	case p.open.Load() > 0 && now.Sub(p.paused) > maxPause:
		p.paused, p.kept = time.Time{}, now.Add(keepAfterPause)
		return false, true
	}
	return p.open.Load() == 0, false
}

// keep ends what handOver began: the partition takes commands again.
func (p *partition) keep() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.paused = time.Time{}
}

const (
	maxPause       = time.Second     // how long a partition waits for its work before it is handed over
	keepAfterPause = 5 * time.Second // how long it is kept when that was not enough
)

// discard drops what has not begun and returns it. Suspects that wait for their turn find out.
func (p *partition) discard() []*job {
	p.leaving.Store(true)
	p.mu.Lock()
	defer p.mu.Unlock()
	var dropped []*job
	for key, q := range p.keys {
		dropped = append(dropped, q.waiting...)
		q.waiting = nil
		if q.stalled { // nobody runs it who would find it empty
			delete(p.keys, key)
		}
	}
	return dropped
}
