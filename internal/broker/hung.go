package broker

import "time"

// A handler that ignores its context would keep the answer to its command back, and
// the commands behind it. At its deadline the command is answered without it. Its key
// stays blocked until it returns, and so does its partition's hand-over: what it does
// then must not meet the next command of its key. What it returns is dropped, because
// its command was answered.

// hungAfter is how long after its deadline a handler counts as hung: one that heeds its
// context has returned by then.
const hungAfter = sweepEvery

// began is what times count from that are kept as one atomic number, by the monotonic
// clock.
var began = time.Now()

// sweep answers what has passed its deadline: commands whose handlers hang, and those
// that wait behind others.
func (w *Worker) sweep() {
	now, redisNow := int64(time.Since(began)), w.now()
	var hung, expired []*job
	for _, p := range w.busy() {
		p.mu.Lock()
		for _, q := range p.keys {
			if j := q.current; j != nil && !j.answered.Load() {
				if overdue := j.overdue.Load(); overdue != 0 && overdue < now {
					hung = append(hung, j)
				}
			}
			expired = q.expired(redisNow, expired)
		}
		p.mu.Unlock()
	}
	for _, j := range hung {
		w.giveUp(j)
	}
	for _, j := range expired {
		w.metrics.Expired.Inc()
		w.metrics.Stream.Took(redisNow.Sub(j.command.Caller.Accepted)) // they are the longest of all
		w.commits.add(j.completion().with(w.failed(j, errTimeout), nil))
	}
}

// expired takes the commands out of the queue whose callers no longer wait. Nothing of
// them has happened, so they need not come after those before them.
func (q *keyQueue) expired(now time.Time, all []*job) []*job {
	if q.stalled { // whoever lets it go on counts on its first one
		return all
	}
	left := q.waiting[:0]
	for _, j := range q.waiting {
		if c := j.command; c.Timeout > 0 && !c.forward && now.After(c.Caller.Accepted.Add(c.Timeout)) {
			all = append(all, j)
			continue
		}
		left = append(left, j)
	}
	clear(q.waiting[len(left):])
	q.waiting = left
	return all
}

// giveUp answers a command in its handler's place, unless that has just returned.
func (w *Worker) giveUp(j *job) {
	if !j.answered.CompareAndSwap(false, true) {
		return
	}
	w.hung.Add(1)
	if j.end != nil {
		j.end()
	}
	j.p.hangs(j)
	c := j.command
	w.hangs.error(w.log, "a handler ignores that its time is over; its key waits for it", "command", c.ID, "operation", c.Operation)
	done := j.completion()
	done.hung = j
	w.commits.add(done.with(w.failed(j, errTimeout), nil))
}

// returned follows the return of a handler that was given up.
func (w *Worker) returned(j *job) {
	w.hung.Add(-1)
	if j.copies != nil { // what is not committed is no outcome: the next copy runs
		j.copies.outcome = ""
	}
	w.log.Warn("a handler has returned after its time", "command", j.command.ID, "operation", j.command.Operation)
	if j.over() {
		w.finished(j.p, j.copies)
	}
}

// over tells the second one of a hung command's commit and its handler's return.
func (j *job) over() bool { return j.ends.Add(1) == 2 }
