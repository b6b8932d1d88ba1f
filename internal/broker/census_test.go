package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/example/switchyard/internal/testenv"
)

// beforeDepartures calls f before each page of a dead gateway's roster.
func beforeDepartures(f func()) testenv.Hook {
	return func(ctx context.Context, cmds []redis.Cmder, next redis.ProcessPipelineHook) error {
		if args := cmds[0].Args(); len(args) > 3 && strings.HasPrefix(fmt.Sprint(args[3]), "roster:") {
			f()
		}
		return next(ctx, cmds)
	}
}

// To tell of a dead gateway's sockets may take long. Who does it beats meanwhile, and sees
// who else does.
func TestAGatewayThatBuriesAnotherBeats(t *testing.T) {
	t.Parallel()
	testenv.OnBoth(t, func(t *testing.T, url string) {
		dead, frozen, b := newGatewayAlone(t, url, "dead"), newGatewayAlone(t, url, "frozen"), newGatewayAlone(t, url, "b")
		b.watch(6 * time.Second)
		b.rdb.AddHook(beforeDepartures(func() {
			frozen.beat()
			b.now = b.now.Add(beatEvery)
			if gap := b.now.Sub(b.census.asked); gap > 2*beatEvery {
				t.Errorf("b has not beaten for %s", gap)
			}
		}))
		b.bury()
		if err := b.rdb.ZScore(t.Context(), gatewaysKey, dead.roster.current()).Err(); !errors.Is(err, redis.Nil) {
			t.Errorf("the dead one is not buried: %v", err)
		}
		if score := b.rdb.ZScore(t.Context(), gatewaysKey, frozen.roster.current()).Val(); score == 0 {
			t.Error("the one that beat again is taken for dead")
		}
	})
}

// The slot of a dead gateway's roster may move to another master in the midst of it, where
// the cursor of the scan means nothing.
func TestASlotMovesWhileDeparturesAreTold(t *testing.T) {
	t.Parallel()
	cluster := testenv.Cluster(t, "departures while a slot moves")
	rdb := testenv.ClusterClient(t, cluster)
	l, err := NewLanes(Config{Node: "a", Partitions: 1}, rdb, testenv.ClusterClient(t, cluster), slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	const sockets, life = 2000, "x.dead:1"
	key, stays := rosterKey(0, life), map[string]any{"#": 1}
	for i := range sockets {
		stays[fmt.Sprint(i)] = "1 0 u{}"
	}
	if err := rdb.HSet(t.Context(), key, stays).Err(); err != nil {
		t.Fatal(err)
	}
	if err := rdb.ZAdd(t.Context(), gatewaysKey, redis.Z{Score: 1, Member: life}).Err(); err != nil {
		t.Fatal(err)
	}
	pages := 0
	rdb.AddHook(beforeDepartures(func() {
		if pages++; pages == 5 {
			cluster.MoveSlot(t, key, func() {})
		}
	}))
	if err := newCensus(newRoster(l)).bury(t.Context(), life); err != nil {
		t.Fatal(err)
	}
	if told := rdb.XLen(t.Context(), commandStream(0)).Val(); told != sockets {
		t.Errorf("told of %d departures of %d; %d fields are left on the roster", told, sockets, rdb.HLen(t.Context(), key).Val())
	}
}
