package redisconn

import (
	"fmt"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2"
)

// ttlEvery is how often the embedded Redis looks for what has expired. It could look
// at every command (ClockTTL), but looks at all keys that expire each time: 17 ms with
// 10,000 of them.
const ttlEvery = 500 * time.Millisecond

// Embed starts an embedded Redis, for trying out and for tests, and returns its URL.
func Embed() (url string, stop func(), err error) {
	m := miniredis.NewMiniRedis()
	if err := m.Start(); err != nil {
		return "", nil, fmt.Errorf("start the embedded Redis: %w", err)
	}
	done := make(chan struct{})
	var clock sync.WaitGroup
	clock.Go(func() {
		t := time.NewTicker(ttlEvery)
		defer t.Stop()
		for last := time.Now(); ; {
			select {
			case <-done:
				return
			case <-t.C:
			}
			now := time.Now()
			m.FastForward(now.Sub(last))
			last = now
		}
	})
	return "redis://" + m.Addr(), func() { close(done); clock.Wait(); m.Close() }, nil
}
