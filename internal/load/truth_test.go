package load_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/internal/load"
	"github.com/example/switchyard/internal/siotest"
	"github.com/example/switchyard/transport/socketio/client"
)

// sending is the target with another Send, which is told how long the load lasts already.
func sending(send func(time.Duration) error) load.Target {
	var begin time.Time
	var once sync.Once
	t := target
	t.Send = func(context.Context, *client.Client, string, string) error {
		once.Do(func() { begin = time.Now() })
		return send(time.Since(begin))
	}
	return t
}

// A service that answers for a part of the time has a rate of all of it. Each second of the
// timeline has its own problems.
func TestTheRateIsThatOfTheWholeRun(t *testing.T) {
	t.Parallel()
	cfg := config(load.Ack, siotest.Start(t).URL)
	cfg.Duration = 3 * time.Second
	r := run(t, cfg, sending(func(since time.Duration) error {
		if since > time.Second {
			return fault.New(fault.Internal, "broken")
		}
		return nil
	}))
	if r.Seconds < 2.9 || r.Rate > float64(r.Latency.Count)/2.9 {
		t.Errorf("%d answers, %.0f/s in %.1f s of 3", r.Latency.Count, r.Rate, r.Seconds)
	}
	sum := uint64(0)
	for _, s := range r.Timeline {
		sum += s.Problems
	}
	if sum == 0 || sum > r.Problems["internal"] {
		t.Errorf("the seconds have %d problems together, and the run %d", sum, r.Problems["internal"])
	}
}

// All that was due while the service stood still is charged to it, also when it does to the
// end; and when it does for longer, all of that has no answer.
func TestAStandstillAtTheEndIsCharged(t *testing.T) {
	t.Parallel()
	node := siotest.Start(t)
	for _, tc := range []struct {
		still      time.Duration
		answered   int64
		unanswered uint64
	}{{2100 * time.Millisecond, 190, 0}, {4 * time.Second, 100, 90}} {
		cfg := config(load.Ack, node.URL)
		cfg.Connections, cfg.Window, cfg.Rate, cfg.Duration, cfg.GiveUp = 1, 1, 100, 2*time.Second, time.Second
		r := run(t, cfg, sending(func(since time.Duration) error {
			if since > time.Second {
				time.Sleep(tc.still - since)
			}
			return nil
		}))
		if r.Latency.Count < tc.answered || r.Unanswered < tc.unanswered {
			t.Errorf("still until %s: of 200 commands that were due %d are answered, and %d not; p99 %.0f ms", tc.still, r.Latency.Count, r.Unanswered, r.Latency.P99)
		}
	}
}

// Few commands over many connections are few.
func TestASlowRateOverManyConnections(t *testing.T) {
	t.Parallel()
	var sent atomic.Int64
	cfg := config(load.Ack, siotest.Start(t).URL)
	cfg.Connections, cfg.Window, cfg.Rate, cfg.Duration = 40, 4000, 1, time.Second
	run(t, cfg, sending(func(time.Duration) error { sent.Add(1); return nil }))
	if sent.Load() > 3 {
		t.Errorf("%d commands were sent in a second, of 1 a second", sent.Load())
	}
}
