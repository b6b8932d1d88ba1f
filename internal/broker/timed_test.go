package broker

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/example/switchyard/internal/testenv"
)

// Whoever asks, and whenever, is told what context.WithDeadline would tell.
func TestATimedContextIsOneWithADeadline(t *testing.T) {
	t.Parallel()
	type ask func(*testing.T, context.Context)
	running := func(t *testing.T, ctx context.Context) {
		select {
		case <-ctx.Done():
			t.Error("it is done")
		default:
		}
		if err := ctx.Err(); err != nil {
			t.Errorf("it has ended: %v", err)
		}
	}
	over := func(want error) ask {
		return func(t *testing.T, ctx context.Context) {
			select {
			case <-ctx.Done():
			case <-time.After(10 * time.Second):
				t.Error("it is not done")
			}
			if err := ctx.Err(); !errors.Is(err, want) {
				t.Errorf("it has ended with %v, want %v", err, want)
			}
			if err := context.Cause(ctx); !errors.Is(err, want) {
				t.Errorf("the cause is %v, want %v", err, want)
			}
		}
	}
	looked := func(want error) ask {
		return func(t *testing.T, ctx context.Context) {
			if err := ctx.Err(); !errors.Is(err, want) {
				t.Errorf("it has ended with %v, want %v", err, want)
			}
		}
	}
	nothing := func(*testing.T, context.Context) {}
	const soon, never = 20 * time.Millisecond, time.Hour
	for name, tc := range map[string]struct {
		timeout      time.Duration
		before, then ask // before and after it is cancelled, or its time is over
	}{
		"canceled":                         {never, running, over(context.Canceled)},
		"canceled, and asked afterwards":   {never, nothing, over(context.Canceled)},
		"canceled, and looked at":          {never, nothing, looked(context.Canceled)},
		"in time":                          {soon, running, over(context.DeadlineExceeded)},
		"in time, and asked afterwards":    {soon, nothing, over(context.DeadlineExceeded)},
		"in time, and looked at":           {soon, nothing, looked(context.DeadlineExceeded)},
		"without any":                      {0, nothing, over(context.DeadlineExceeded)},
		"without any, and looked at first": {0, looked(context.DeadlineExceeded), over(context.DeadlineExceeded)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				type key struct{}
				ctx := newTimed(context.WithValue(t.Context(), key{}, "value"), tc.timeout)
				tc.before(t, ctx)
				if tc.timeout == never {
					ctx.cancel()
				} else {
					time.Sleep(tc.timeout) // of the bubble
				}
				tc.then(t, ctx)
				was := ctx.Err()
				ctx.cancel() // once more, or too late
				if err := ctx.Err(); !errors.Is(err, was) {
					t.Errorf("then it has ended with %v, before with %v", err, was)
				}
				tc.then(t, ctx)
				if ctx.Value(key{}) != "value" {
					t.Error("it has lost its parent's values")
				}
				if at, ok := ctx.Deadline(); !ok || at != ctx.deadline {
					t.Errorf("its deadline is %s, %t", at, ok)
				}
			})
		})
	}
}

// Contexts made from it end with it, and cost no goroutine.
func TestContextsOfATimedOneEndWithIt(t *testing.T) {
	before := runtime.NumGoroutine() // not parallel
	ctx := newTimed(t.Context(), time.Hour)
	var wg sync.WaitGroup
	children := make([]context.Context, 8)
	for i := range children {
		wg.Go(func() {
			child, cancel := context.WithCancel(ctx)
			t.Cleanup(cancel)
			children[i] = child
		})
	}
	wg.Wait()
	testenv.WaitFor(t, 10*time.Second, "no goroutine to be left", func() bool { return runtime.NumGoroutine() <= before })
	ctx.cancel()
	for _, child := range children {
		if err := child.Err(); !errors.Is(err, context.Canceled) {
			t.Errorf("a child has ended with %v", err)
		}
	}
	late, cancel := context.WithTimeout(ctx, time.Hour)
	defer cancel()
	if err := late.Err(); !errors.Is(err, context.Canceled) {
		t.Errorf("one that is made afterwards has ended with %v", err)
	}
}
