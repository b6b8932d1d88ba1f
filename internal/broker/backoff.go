package broker

import (
	"context"
	"log/slog"
	"time"
)

// A backoff paces what is tried until it works. The first failure of a row is
// logged, and then one a minute, so that an outage does not fill the log.
type backoff struct {
	failures int
	logged   time.Time
}

const (
	backoffFirst = 50 * time.Millisecond
	backoffMax   = time.Second
)

// sleep waits, longer each time, and returns early when ctx ends.
func (b *backoff) sleep(ctx context.Context, log *slog.Logger, what string, err error) {
	b.failures++
	if now := time.Now(); now.Sub(b.logged) > time.Minute {
		b.logged = now
		log.Warn("cannot "+what+", trying again", "error", err, "failures", b.failures)
	}
	sleep(ctx, min(backoffFirst<<min(b.failures-1, 10), backoffMax))
}

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
