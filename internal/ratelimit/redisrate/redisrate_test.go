package redisrate_test

import (
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/example/switchyard/internal/ratelimit/redisrate"
	"github.com/example/switchyard/internal/redisconn"
	"github.com/example/switchyard/internal/testenv"
)

func TestTake(t *testing.T) {
	t.Parallel()
	for name, url := range map[string]func(testing.TB) string{
		"Redis": testenv.Redis, "embedded": func(testing.TB) string { return "" },
		"cluster": func(t testing.TB) string { return testenv.Cluster(t, "rates on a Redis Cluster").URL },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clients, closeAll, err := redisconn.Open(t.Context(), url(t), slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(closeAll)
			rdb := clients.Stores // as in a node
			nodes := []*redisrate.Counter{redisrate.New(rdb), redisrate.New(rdb)}
			var passed, refused atomic.Int64
			var wg sync.WaitGroup
			for _, c := range nodes {
				wg.Go(func() {
					for range 10 {
						wait, err := c.Take("rate:a:alice", time.Hour, 5*time.Hour)
						switch {
						case err != nil:
							t.Error(err)
						case wait == 0:
							passed.Add(1)
						case wait < time.Hour-time.Minute || wait > time.Hour:
							t.Errorf("wait %s", wait)
						default:
							refused.Add(1)
						}
					}
				})
			}
			wg.Wait()
			if passed.Load() != 5 || refused.Load() != 15 {
				t.Errorf("%d passed, %d were refused", passed.Load(), refused.Load())
			}
			if wait, err := nodes[0].Take("rate:a:bob", time.Hour, 5*time.Hour); wait != 0 || err != nil {
				t.Errorf("another user waits %s: %v", wait, err)
			}
			if ttl := rdb.PTTL(t.Context(), "rate:a:alice").Val(); ttl < 4*time.Hour || ttl > 5*time.Hour {
				t.Errorf("it is kept for %s", ttl)
			}
		})
	}
}

func TestTimeGivesBack(t *testing.T) {
	t.Parallel()
	c := redisrate.New(testenv.Client(t, testenv.Redis(t)))
	take := func() time.Duration {
		wait, err := c.Take("rate:a:alice", 50*time.Millisecond, 50*time.Millisecond)
		if err != nil {
			t.Fatal(err)
		}
		return wait
	}
	for range 3 {
		testenv.WaitFor(t, 20*time.Second, "room for one more", func() bool { return take() == 0 })
	}
}

// A rate that has become smaller, and a clock that was set back, hold for no longer than
// a burst takes now: who comes again after the wait is let pass.
func TestWhatIsFarAheadIsCutToABurst(t *testing.T) {
	t.Parallel()
	rdb := testenv.Client(t, testenv.Redis(t))
	far := strconv.FormatInt(time.Now().Add(24*time.Hour).UnixMicro(), 10)
	if err := rdb.Set(t.Context(), "rate:a:alice", far, 0).Err(); err != nil {
		t.Fatal(err)
	}
	const every = 100 * time.Millisecond
	take := func() time.Duration {
		wait, err := redisrate.New(rdb).Take("rate:a:alice", every, 5*every)
		if err != nil {
			t.Fatal(err)
		}
		return wait
	}
	if wait := take(); wait != every {
		t.Errorf("wait %s", wait)
	}
	testenv.WaitFor(t, 20*time.Second, "room for one more", func() bool { return take() == 0 })
}
