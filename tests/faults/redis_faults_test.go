package faults

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/example/switchyard/internal/rawsio"
	"github.com/example/switchyard/internal/testenv"
)

// outage is how commands may be answered while Redis is away: the outcome is not known,
// nothing was sent, or the handler gave up after its attempts.
var outage = []string{"timeout", "unavailable", "internal"}

// Redis crashes and comes back with its append-only file.
func TestRedisRestarted(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	a, b := launch(t, redis, "a"), launch(t, redis, "b")
	l := newLoad(t, redis, loadOptions{}, a, b)
	redis.kill()
	l.run(time.Second)
	redis.start()
	l.fault = time.Now()
	l.run(7 * time.Second)
	v := l.judge(a, outage...)
	within(t, "recovery", v.Recovery, 5*time.Second)
}

// Redis forgets: everything, its streams, or, as after a failover, what was written last.
// What was accepted is gone with it, and clients are told; nothing hangs, and what comes
// after that is served as ever.
func TestRedisForgets(t *testing.T) {
	t.Parallel()
	for name, forget := range map[string]func(*redisServer){
		"FLUSHALL": func(r *redisServer) { r.do("FLUSHALL") },
		"restarted empty": func(r *redisServer) {
			r.kill()
			r.forget()
			r.start()
		},
		"streams deleted": func(r *redisServer) {
			for p := range partitions {
				r.do("DEL", fmt.Sprintf("cmd:{p%d}", p), fmt.Sprintf("evt:{p%d}", p), fmt.Sprintf("own:{p%d}", p))
			}
		},
		"last writes taken back": func(r *redisServer) {
			kept := r.keep()
			<-time.After(time.Second) // in which the load writes
			r.kill()
			r.forget()
			r.restore(kept)
			r.start()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			redis := startRedis(t)
			a, b := launch(t, redis, "a"), launch(t, redis, "b")
			before := newLoad(t, redis, loadOptions{name: "before-"}, a, b)
			forget(redis)
			within(t, "a new command in every partition", served(t, a), 2*time.Second)
			before.answers(outage...)
			before.told()
			after := newLoad(t, redis, loadOptions{name: "after-"}, a, b)
			after.run(3 * time.Second)
			after.judge(b)
		})
	}
}

// served is how long it takes until rooms in every partition take messages again.
func served(t *testing.T, n *node) time.Duration {
	t.Helper()
	begin := time.Now()
	c := rawsio.Dial(t, n.URL)
	c.Connect("/chat", "")
	var all sync.WaitGroup
	for i := range 8 * partitions {
		all.Go(func() {
			for time.Since(begin) < 10*time.Second {
				answer, err := c.TryCall("/chat", "message", fmt.Sprintf(`{"room":"served-%d","text":"x"}`, i))
				if err == nil && codeOf(answer) == "ok" {
					return
				}
			}
			t.Errorf("room served-%d takes no messages", i)
		})
	}
	all.Wait()
	return time.Since(begin)
}

// Redis answers nobody for longer than commands wait.
func TestRedisStalled(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	a, b := launch(t, redis, "a"), launch(t, redis, "b")
	l := newLoad(t, redis, loadOptions{}, a, b)
	stalled := make(chan struct{})
	go func() {
		defer close(stalled)
		if err := redis.client.Do(context.Background(), "DEBUG", "SLEEP", "7").Err(); err != nil {
			t.Logf("DEBUG SLEEP: %v", err) // its own answer takes longer than this client waits
		}
	}()
	<-stalled
	testenv.WaitFor(t, 10*time.Second, "Redis to answer again", func() bool { return redis.backlog() >= 0 })
	l.fault = time.Now()
	l.run(6 * time.Second)
	v := l.judge(a, outage...)
	within(t, "recovery", v.Recovery, 5*time.Second)
}

// Every connection to Redis is killed, again and again.
func TestConnectionsKilled(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	a, b := launch(t, redis, "a"), launch(t, redis, "b")
	l := newLoad(t, redis, loadOptions{}, a, b)
	l.fault = time.Now()
	killed := int64(0)
	for range 25 {
		n, _ := redis.do("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes").(int64)
		killed += n
		l.run(200 * time.Millisecond)
	}
	l.run(time.Second)
	t.Logf("%d connections were killed", killed)
	l.judge(b, outage...)
}
