package broker

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// beginAnew begins the life after this one, unless it has begun. When Redis has forgotten
// it, or some of it, all that is known goes into the next.
func (r *roster) beginAnew(life string, forgotten bool) {
	r.mu.Lock()
	if r.name() != life {
		r.mu.Unlock()
		return
	}
	r.life++
	r.owed = r.owed || !forgotten
	if forgotten {
		r.stale = append(r.stale, life)
		for p := range r.queues {
			q := &r.queues[p]
			q.changes, q.sent = endings(q.changes), 0
		}
		for s := range r.stays {
			q := &r.queues[s.partition]
			q.changes = append(q.changes, rosterChange{stayBegins, s, s.value})
		}
	}
	r.mu.Unlock()
	signal(r.wake)
	if !forgotten {
		r.log.Warn("other gateways took this one for dead and tell that its sockets are gone: they must connect again")
	}
}

// endings are the commands that are still to be submitted, put on the roster before.
func endings(changes []rosterChange) []rosterChange {
	var kept []rosterChange
	for _, c := range changes {
		if c.what == staySubmits {
			kept = append(kept, rosterChange{stayBegins, c.stay, c.stay.value}, c)
		}
	}
	return kept
}

// erase takes what is stale out of Redis, so that nobody submits it.
func (r *roster) erase(ctx context.Context) error {
	r.mu.Lock()
	stale := r.stale
	r.mu.Unlock()
	if len(stale) == 0 {
		return nil
	}
	if err := r.forget(ctx, stale...); err != nil {
		return err
	}
	r.mu.Lock()
	r.stale = r.stale[len(stale):]
	r.mu.Unlock()
	return nil
}

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
