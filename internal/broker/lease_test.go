package broker

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/testenv"
)

// A worker that misses one partition of many that others own does not ask for them all, one
// round trip after the other, before it renews its leases; and it comes to each of them.
func TestABeatEndsInTimeWithManyPartitions(t *testing.T) {
	t.Parallel()
	url := testenv.Embedded(t)
	rdb, others := testenv.Client(t, url), testenv.Client(t, url)
	const mine, all = 63, 128
	l, err := NewLanes(Config{Node: "w", Partitions: all}, rdb, testenv.Client(t, url), slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	w := NewWorker(l, NewHandlers(contract.NewCatalog(nil)))
	if err := w.takeUpTo(t.Context(), mine); err != nil {
		t.Fatal(err)
	}
	const away = 20 * time.Millisecond
	trips := 0
	rdb.AddHook(testenv.Hook(func(ctx context.Context, cmds []redis.Cmder, next redis.ProcessPipelineHook) error {
		trips++
		time.Sleep(away)
		return next(ctx, cmds)
	}))
	for beats := 0; len(w.ownedPartitions()) == mine; beats++ {
		if beats > 10 {
			t.Fatalf("after %d beats the partition that is free is not taken", beats)
		}
		alive := time.Now().Add(leaseFor).UnixMilli()
		pipe := others.Pipeline()
		for p := mine; p < all-1; p++ { // the last one is free
			pipe.HSet(t.Context(), ownerKey(p), "boot", "other", "epoch", 1, "until", alive)
		}
		pipe.ZAdd(t.Context(), workersKey, redis.Z{Score: float64(time.Now().UnixMilli()), Member: "other"})
		if _, err := pipe.Exec(t.Context()); err != nil {
			t.Fatal(err)
		}
		trips = 0
		if err := w.beat(t.Context()); err != nil {
			t.Fatal(err)
		}
		if most := int(beatEvery/away) + 4; trips > most {
			t.Errorf("a beat took %d round trips, want at most %d", trips, most)
		}
	}
	if got := w.ownedPartitions()[mine].number; got != all-1 {
		t.Errorf("it took partition %d", got)
	}
}
