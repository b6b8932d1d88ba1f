package broker

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// forget removes lives from Redis.
func (l *Lanes) forget(ctx context.Context, lives ...string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), roundTripMax)
	defer cancel()
	_, err := l.rdb.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for _, life := range lives {
			for p := range l.cfg.Partitions {
				pipe.Del(ctx, rosterKey(p, life))
			}
			pipe.ZRem(ctx, gatewaysKey, life)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("forget the sockets of %v: %w", lives, err)
	}
	return nil
}

// close writes what is left, once, and says that this gateway is gone. What it cannot
// write, and sockets that have not gone, the others find and submit.
func (r *roster) close() {
	deadline := time.Now().Add(roundTripMax)
	more, err := true, error(nil)
	for more && err == nil && time.Now().Before(deadline) {
		more, err = r.write(context.Background())
	}
	r.mu.Lock()
	left, life := len(r.stays), r.name()
	r.mu.Unlock()
	if err == nil && !more && left == 0 {
		err = r.forget(context.Background(), life)
	}
	if err != nil || more || left > 0 {
		r.log.Warn("what happens when sockets go is left to the other gateways", "sockets_in_rooms", left, "error", err)
	}
}
