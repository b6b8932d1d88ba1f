package load

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/example/switchyard/internal/fault"
)

// A sender sends one command after the other over its member's connection. With a window
// a connection has several.
type sender struct {
	run    *run
	member *member
	number int

	mu      sync.Mutex
	sent    uint64
	unknown map[uint64]struct{} // of them: it has no answer, or a problem
}

// send sends until ctx ends. What it has begun it ends, and what was due before the time was
// over it sends all the same, as long as it would wait for one answer: a service that stands
// still at the end is charged with it.
func (s *sender) send(ctx context.Context, senders int) {
	r := s.run
	every := time.Duration(0)
	if r.cfg.Rate > 0 {
		every = time.Duration(float64(senders) / r.cfg.Rate * float64(time.Second))
	}
	// Senders take turns: not all of them send in the same moment.
	next := time.Now().Add(time.Duration(float64(every) * float64(s.number) / float64(senders)))
	for seq := uint64(0); ; seq++ {
		due := next
		if every == 0 {
			due = time.Now()
		}
		if !sleepUntil(ctx, due) {
			end, _ := ctx.Deadline()
			switch late := time.Since(end); {
			case every == 0, !errors.Is(ctx.Err(), context.DeadlineExceeded), !due.Before(end):
				return
			case late > r.cfg.GiveUp:
				r.counts.unanswered.Add(uint64(end.Sub(due)/every) + 1)
				return
			}
		}
		next = next.Add(every)
		answered := s.one(seq, due)
		s.mu.Lock()
		s.sent = seq + 1
		if !answered {
			if s.unknown == nil {
				s.unknown = map[uint64]struct{}{}
			}
			s.unknown[seq] = struct{}{}
		}
		s.mu.Unlock()
	}
}

// one sends one command until it has an answer, and tells whether that is a result.
func (s *sender) one(seq uint64, due time.Time) bool {
	r := s.run
	ctx, cancel := context.WithTimeout(context.Background(), r.cfg.GiveUp)
	defer cancel()
	mark := r.mark(s.number, seq, due.Sub(r.origin))
	for {
		err := r.target.Send(ctx, s.member.client, s.member.room, mark)
		if err == nil {
			now := time.Now()
			r.answers.add(now, now.Sub(due))
			return true
		}
		r.counts.problem(problemCode(err))
		wait, again := retryAfter(err)
		if !again {
			return false
		}
		if !sleepUntil(ctx, time.Now().Add(wait)) {
			r.counts.unanswered.Add(1)
			return false
		}
		r.counts.retries.Add(1)
	}
}

// retryAfter tells whether another attempt makes sense, and when.
func retryAfter(err error) (wait time.Duration, again bool) {
	wait = 50*time.Millisecond + rand.N(100*time.Millisecond)
	var f *fault.Fault
	if !errors.As(err, &f) {
		return wait, true
	}
	switch f.Code {
	case fault.Exhausted, fault.Overloaded, fault.Unavailable, fault.Timeout:
		return max(f.RetryAfter, wait), true
	}
	return 0, false
}

// problemCode is the code of a problem, or what happened to the connection.
func problemCode(err error) string {
	var f *fault.Fault
	if errors.As(err, &f) {
		return string(f.Code)
	}
	return codeOf(err)
}
