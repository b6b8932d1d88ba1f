// Package redisrate counts for package ratelimit in Redis, for all nodes together: one
// key for each rate and user, which expires when it says nothing any more, and one round
// trip for each command. It goes by the clock of Redis.
package redisrate

import (
	"context"
	_ "embed"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/example/switchyard/internal/ratelimit"
)

// A Counter is a ratelimit.Counter. Safe for concurrent use.
type Counter struct{ rdb redis.Scripter }

var _ ratelimit.Counter = (*Counter)(nil)

// New makes a counter. Its calls end when those of the client do.
func New(rdb redis.Scripter) *Counter { return &Counter{rdb} }

//go:embed take.lua
var source string

var script = redis.NewScript(source)

// Take counts one command under a key, or returns how long until one can be accepted.
func (c *Counter) Take(key string, every, full time.Duration) (time.Duration, error) {
	us, err := script.Run(context.Background(), c.rdb, []string{key}, every.Microseconds(), full.Microseconds()).Int64()
	if err != nil {
		return 0, fmt.Errorf("count in Redis: %w", err)
	}
	return time.Duration(us) * time.Microsecond, nil
}
