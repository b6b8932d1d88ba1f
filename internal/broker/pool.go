package broker

import (
	"sync"
)

// A keyQueue holds the commands of one key, which run one after the other. It is in
// its partition's keys for as long as it has any.
type keyQueue struct {
	p       *partition
	key     string
	waiting []*job
	current *job
	stalled bool // its first job is not ready: who makes it so schedules the queue again
	hangs   bool // the current one was given up
}

// next takes the first waiting job. If there is none it removes the queue from its
// partition, and if that one is not ready it stalls the queue.
func (q *keyQueue) next() *job {
	q.p.mu.Lock()
	defer q.p.mu.Unlock()
	q.current, q.hangs = nil, false
	switch {
	case len(q.waiting) == 0:
		delete(q.p.keys, q.key)
		return nil
	case !q.waiting[0].ready():
		q.stalled = true
		return nil
	}
	q.current, q.waiting = q.waiting[0], q.waiting[1:]
	return q.current
}

// A pool runs keys in parallel on goroutines that it keeps: a goroutine for each
// command would grow a new stack for each. A key that waits for something slow
// holds one goroutine and no other key.
type pool struct {
	run func(*job)
	max int

	mu      sync.Mutex
	wake    sync.Cond
	ready   []*keyQueue
	workers int
	parked  int  // of the workers: waiting, and not yet woken
	waking  bool // one was woken, or begun, and has not looked for a key yet
	closed  bool
}

const keepParked = 64

func newPool(limit int, run func(*job)) *pool {
	p := &pool{run: run, max: limit}
	p.wake.L = &p.mu
	return p
}

// add queues a job behind the others of its key. It never blocks.
func (p *pool) add(j *job) {
	key := j.command.lane()
	j.p.mu.Lock()
	q, running := j.p.keys[key]
	if !running {
		q = &keyQueue{p: j.p, key: key, stalled: !j.ready()}
		j.p.keys[key] = q
	}
	q.waiting = append(q.waiting, j)
	if q.hangs && j.passed != nil {
		j.passed()
	}
	start := !running && !q.stalled
	j.p.mu.Unlock()
	if start {
		p.schedule(q)
	}
}

func (p *pool) schedule(q *keyQueue) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ready = append(p.ready, q)
	p.wakeOne()
}

// wakeOne has one more goroutine look for a key, unless one is about to. It wakes the next
// one in its turn: handlers that are quicker than that need no more of them. The mutex is
// held.
func (p *pool) wakeOne() {
	switch {
	case p.waking || len(p.ready) == 0:
	case p.parked > 0:
		p.parked--
		p.waking = true
		p.wake.Signal()
	case p.workers < p.max:
		p.workers++
		p.waking = true
		go p.work()
	}
}

func (p *pool) work() {
	p.woken()
	p.workFrom(p.take())
}

func (p *pool) woken() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waking = false
}

// workFrom runs a key, and then others. A handler can end the goroutine, which nothing
// can prevent: another one goes on in its place.
func (p *pool) workFrom(q *keyQueue) {
	exited := true
	defer func() {
		if exited {
			go p.workFrom(q)
		}
	}()
	for ; q != nil; q = p.take() {
		for j := q.next(); j != nil; j = q.next() {
			p.run(j)
		}
	}
	exited = false
}

// take waits for a key; nil ends the goroutine.
func (p *pool) take() *keyQueue {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.ready) == 0 {
		if p.closed || p.parked >= keepParked {
			p.workers--
			return nil
		}
		p.parked++
		p.wake.Wait()
		p.waking = false
	}
	q := p.ready[0]
	p.ready = p.ready[1:]
	p.wakeOne()
	return q
}

// close ends the goroutines that wait; those that run end by themselves.
func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	p.parked = 0
	p.wake.Broadcast()
}
