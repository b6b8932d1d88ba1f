package broker

import (
	"context"
	"sync"
	"time"
)

// A timed context is one of context.WithDeadline for a command's handler, without the
// timer and the channel, which most handlers never wait for: they are made when somebody
// asks for Done. Its parent never ends.
type timed struct {
	context.Context // the parent
	deadline        time.Time

	mu    sync.Mutex
	waits context.Context // with the timer; nil: nobody has asked
	stop  context.CancelFunc
	over  error // why it has ended, if nobody had asked before
}

func newTimed(parent context.Context, timeout time.Duration) *timed {
	return &timed{Context: parent, deadline: time.Now().Add(timeout)}
}

// cancel ends it, unless its time has.
func (t *timed) cancel() {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.waits != nil:
		t.stop()
	case t.over == nil && t.late():
		t.over = context.DeadlineExceeded
	case t.over == nil:
		t.over = context.Canceled
	}
}

func (t *timed) late() bool { return !time.Now().Before(t.deadline) }

func (t *timed) Deadline() (time.Time, bool) { return t.deadline, true }

var ended = func() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

func (t *timed) Done() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.over != nil:
		return ended
	case t.waits == nil:
		t.waits, t.stop = context.WithDeadline(t.Context, t.deadline)
	}
	return t.waits.Done()
}

func (t *timed) Err() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.waits != nil:
		return t.waits.Err()
	case t.over == nil && t.late():
		t.over = context.DeadlineExceeded
	}
	return t.over
}

// Value is the parent's. By it the contexts that are made from this one find the one that
// waits, and need no goroutine to hear of its end.
func (t *timed) Value(key any) any {
	t.mu.Lock()
	waits := t.waits
	t.mu.Unlock()
	if waits != nil {
		return waits.Value(key)
	}
	return t.Context.Value(key)
}
