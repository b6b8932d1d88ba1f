package broker

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/example/switchyard/internal/fault"
)

func TestPublisherSendsNothingThatWaitedTooLong(t *testing.T) {
	t.Parallel()
	p := &Publisher{wake: make(chan struct{}, 1)} // nobody sends
	now := time.Now()
	told := map[string]error{}
	for id, deadline := range map[string]time.Time{"late": now.Add(-time.Second), "in time": now.Add(time.Minute), "no hurry": {}} {
		p.enqueue("s", id, nil, nil, deadline, func(err error) { told[id] = err })
	}
	if sent := p.wanted(p.next(nil), now); len(sent) != 2 || len(told) != 1 || !errors.Is(told["late"], ErrNotSent) || !errors.Is(told["late"], context.DeadlineExceeded) {
		t.Errorf("%d are sent; told %v", len(sent), told)
	}
}

func TestPublisherBoundsItsQueue(t *testing.T) {
	t.Parallel()
	p := &Publisher{wake: make(chan struct{}, 1)}
	var refused []error
	for range maxQueue + 1 {
		p.enqueue("s", "m", nil, nil, time.Time{}, func(err error) { refused = append(refused, err) })
	}
	var f *fault.Fault
	if len(refused) != 1 || !errors.Is(refused[0], ErrNotSent) || !errors.As(refused[0], &f) || f.Code != fault.Overloaded {
		t.Errorf("refused: %v", refused)
	}
	// Closed, it tries no longer than one round trip takes.
	refused, p.closed, p.giveUp = nil, true, time.Now()
	for batch := p.next(nil); len(batch) > 0; batch = p.next(batch) {
		if left := p.wanted(batch, time.Now().Add(time.Millisecond)); len(left) > 0 {
			t.Fatalf("%d are sent after it was given up", len(left))
		}
	}
	if diff := cmp.Diff(maxQueue, len(refused)); diff != "" || !errors.Is(refused[0], ErrClosed) {
		t.Errorf("told when given up: %s, %v", diff, refused[:1])
	}
}
