package broker

import (
	"sync"
	"time"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/internal/metrics"
	"github.com/example/switchyard/internal/tracing"
)

// A Reply is the answer to a command.
type Reply struct {
	Code fault.Code // "" for a result; else the body is a problem
	Body []byte     // JSON, sent to the client as it is

	// Join and Leave are rooms for the caller's socket. Apply them before the answer
	// is sent.
	Join, Leave []contract.Room

	// Session is what changes in the session of the caller's socket: a JSON object, null
	// for what goes; empty for nothing. Apply it with the rooms.
	Session []byte

	Trace tracing.Header // of the command, where it was run

	RetryAfter time.Duration // of a problem: when a retry can help; zero says nothing

	// Late: the caller was told "timeout", or is about to be. Apply the rooms, answer nothing.
	Late bool
}

// pending is what a gateway waits for. A call leaves it with its reply, or, some
// time after it was told "timeout", without one.
type pending struct {
	mu      sync.Mutex
	calls   map[string]*call
	waiting int // calls whose answer has not been handed over
	limit   int
	closed  bool          // takes no more
	empty   chan struct{} // closed when closed and nothing waits
}

type call struct {
	begun    time.Time
	deadline time.Time
	metrics  *metrics.Operation
	done     func(Reply)
	answered bool // with "timeout": only a late reply is to come
}

const (
	sweepEvery = 50 * time.Millisecond
	lateFor    = time.Minute // how long after its deadline a reply still finds its call
)

func newPending(limit int) *pending {
	return &pending{calls: map[string]*call{}, limit: limit, empty: make(chan struct{})}
}

// add registers a call, or says why not.
func (p *pending) add(id string, c call) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed:
		return errDraining
	case p.waiting >= p.limit:
		return errOverloaded
	}
	p.calls[id] = &c
	p.waiting++
	return nil
}

var (
	errDraining   = fault.New(fault.Unavailable, "this node is shutting down; connect again and retry").After(time.Second)
	errOverloaded = fault.New(fault.Overloaded, "this node has too many commands under way").After(500 * time.Millisecond)
	errTimeout    = fault.New(fault.Timeout, "no answer in time; the outcome is not known: a retry is safe only with the same idempotency key")
)

// resolve hands a reply to its call. A reply that nobody waits for is dropped.
func (p *pending) resolve(id string, r Reply) {
	p.mu.Lock()
	c, ok := p.calls[id]
	delete(p.calls, id)
	p.mu.Unlock()
	if !ok {
		return
	}
	r.Late = c.answered
	c.done(r)
	if r.Late {
		c.metrics.Late()
	} else {
		c.metrics.Took(r.Code, time.Since(c.begun))
		p.answered(1)
	}
}

// sweep answers the calls whose deadline would pass before the next sweep.
func (p *pending) sweep(now time.Time) {
	var due []*call
	var ids []string
	p.mu.Lock()
	for id, c := range p.calls {
		switch {
		case !c.answered && now.Add(sweepEvery*3/2).After(c.deadline): // before the next sweep, which may be late
			c.answered = true
			due, ids = append(due, c), append(ids, id)
		case c.answered && now.After(c.deadline.Add(lateFor)):
			delete(p.calls, id)
		}
	}
	p.mu.Unlock()
	for i, c := range due {
		c.done(ProblemReply(errTimeout, ids[i]))
		c.metrics.Took(fault.Timeout, time.Since(c.begun))
	}
	p.answered(len(due))
}

// drain takes no more calls; the channel is closed once every call was answered.
func (p *pending) drain() <-chan struct{} {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.answered(0)
	return p.empty
}

// close takes no more calls and answers those that wait, since nobody will.
func (p *pending) close() {
	p.drain()
	p.sweep(time.Now().Add(maxTimeout))
}

// answered follows answers, after they were handed over.
func (p *pending) answered(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting -= n
	if !p.closed || p.waiting > 0 {
		return
	}
	select {
	case <-p.empty:
	default:
		close(p.empty)
	}
}

// ProblemReply is an error as the answer to a command.
func ProblemReply(err error, id string) Reply {
	problem := fault.ProblemOf(err, id)
	return Reply{Code: problem.Code, Body: problem.JSON(), RetryAfter: time.Duration(problem.RetryAfterMS) * time.Millisecond}
}
