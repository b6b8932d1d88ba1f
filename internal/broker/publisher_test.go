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
		p.add(newPublish("s", id, nil, nil, deadline, func(err error) { told[id] = err }))
	}
	if sent := p.wanted(p.next(nil), now); len(sent) != 2 || len(told) != 1 || !errors.Is(told["late"], ErrNotSent) || !errors.Is(told["late"], context.DeadlineExceeded) {
		t.Errorf("%d are sent; told %v", len(sent), told)
	}
}

func TestPublisherBoundsBytes(t *testing.T) {
	t.Parallel()
	p := &Publisher{wake: make(chan struct{}, 1)}
	var refused []error
	add := func(size int) {
		p.add(newPublish("s", "m", nil, make([]byte, size-entryBytes), time.Time{}, func(err error) { refused = append(refused, err) }))
	}
	for _, size := range []int{maxBatchBytes / 2, maxBatchBytes / 2, 300, 2 * maxBatchBytes, maxBatchBytes / 2, 300} {
		add(size)
	}
	var got []int
	for batch := p.next(nil); len(batch) > 0; batch = p.next(batch) {
		got = append(got, len(batch))
	}
	if diff := cmp.Diff([]int{2, 1, 1, 2}, got); diff != "" {
		t.Errorf("entries by batch: %s", diff)
	}
	add(2 * maxQueueBytes) // alone it is let in: else it never would be
	add(300)
	if len(refused) != 1 || !errors.Is(refused[0], errQueueFull) || !errors.Is(refused[0], ErrNotSent) {
		t.Errorf("refused: %v", refused)
	}
	p.next(nil)
	for range maxQueueBytes/maxBatchBytes + 1 {
		add(maxBatchBytes)
	}
	if len(refused) != 2 || p.bytes != maxQueueBytes {
		t.Errorf("%d bytes are queued, refused: %v", p.bytes, refused)
	}
}

func TestPublisherBoundsItsQueue(t *testing.T) {
	t.Parallel()
	p := &Publisher{wake: make(chan struct{}, 1)}
	var refused []error
	for range maxQueue + 1 {
		p.add(newPublish("s", "m", nil, nil, time.Time{}, func(err error) { refused = append(refused, err) }))
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
