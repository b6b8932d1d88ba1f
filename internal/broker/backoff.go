package broker

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// A throttle logs what may happen for every message of an outage: one line a minute.
// Safe for concurrent use.
type throttle struct {
	mu      sync.Mutex
	logged  time.Time
	skipped int
}

func (t *throttle) warn(log *slog.Logger, text string, args ...any) {
	t.log(log, slog.LevelWarn, text, args)
}

// error logs what somebody must look at.
func (t *throttle) error(log *slog.Logger, text string, args ...any) {
	t.log(log, slog.LevelError, text, args)
}

func (t *throttle) log(log *slog.Logger, level slog.Level, text string, args []any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	if now.Sub(t.logged) < time.Minute {
		t.skipped++
		return
	}
	log.Log(context.Background(), level, text, append(args, "not_logged", t.skipped)...)
	t.logged, t.skipped = now, 0
}

// A backoff paces what is tried until it works. One failure a minute is logged, also
// when it works in between: neither an outage nor a connection that comes and goes
// fills the log.
type backoff struct {
	failures int
	log      throttle
	shared   *throttle // in its place, of several that fail for one cause
}

const (
	backoffFirst = 50 * time.Millisecond
	backoffMax   = time.Second
)

// sleep waits, longer each time, and returns early when ctx ends.
func (b *backoff) sleep(ctx context.Context, log *slog.Logger, what string, err error) {
	b.failures++
	quiet := &b.log
	if b.shared != nil {
		quiet = b.shared
	}
	quiet.warn(log, "cannot "+what+", trying again", "error", err, "failures", b.failures)
	sleep(ctx, pause(b.failures))
}

// pause is how long to wait after so many failures in a row.
func pause(failures int) time.Duration { return min(backoffFirst<<min(failures-1, 10), backoffMax) }

func (b *backoff) reset() { b.failures = 0 }

// sleep waits; false means that ctx has ended before.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// every calls f again and again until ctx ends.
func every(ctx context.Context, d time.Duration, f func(now time.Time)) {
	t := time.NewTicker(d)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-t.C:
			f(now)
		}
	}
}
