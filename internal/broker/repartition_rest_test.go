package broker_test

import (
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/testenv"
)

// What has its place in a partition and would be lost keeps their number from being changed.
func TestRepartitionOnlyAtRest(t *testing.T) {
	t.Parallel()
	testenv.OnBoth(t, func(t *testing.T, url string) {
		rdb := testenv.Client(t, url)
		if err := rdb.Set(t.Context(), "partitions", 4, 0).Err(); err != nil {
			t.Fatal(err)
		}
		for key, tc := range map[string]struct {
			put  []any
			n    int
			want string
		}{
			"cmd:{p2}": {[]any{"XADD", "cmd:{p2}", "*", "payload", "{}"}, 8, "a backlog of 1 commands"},
			"dlq:{p3}": {[]any{"XADD", "dlq:{p3}", "*", "payload", "{}"}, 3, "1 dead letters"},
			"gateways": {[]any{"ZADD", "gateways", 1, "dead.ab:1"}, 8, "gateways are there: dead.ab:1"}, // what its sockets leave behind is not told yet
			"workers":  {[]any{"ZADD", "workers", 1, "frozen.ab"}, 8, "workers are there: frozen.ab"},
			"own:{p1}": {[]any{"HSET", "own:{p1}", "until", 1, "boot", "frozen.ab"}, 8, "has an owner, frozen.ab"}, // it may wake up
			"none":     {[]any{"DEL", "none"}, 1025, "between 1 and 1024"},
		} {
			if err := rdb.Do(t.Context(), tc.put...).Err(); err != nil {
				t.Fatal(err)
			}
			if _, err := broker.Repartition(t.Context(), rdb, tc.n); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%s: %v", key, err)
			}
			partitionsAre(t, rdb, "4")
			if err := rdb.Del(t.Context(), key).Err(); err != nil {
				t.Fatal(err)
			}
		}
		if err := rdb.XAdd(t.Context(), &redis.XAddArgs{Stream: "dlq:{p3}", Values: []string{"payload", "{}"}}).Err(); err != nil {
			t.Fatal(err)
		}
		if _, err := broker.Repartition(t.Context(), rdb, 8); err != nil { // dead letters stay where they are
			t.Error(err)
		}
	})
}

// A node that starts at the same moment is seen, or sees the change.
func TestANodeThatStartsDuringARepartition(t *testing.T) {
	t.Parallel()
	testenv.OnBoth(t, func(t *testing.T, url string) {
		for _, side := range []string{"gateway", "worker"} {
			rdb, slow := testenv.Client(t, url), testenv.Client(t, url)
			if err := rdb.Set(t.Context(), "partitions", 4, 0).Err(); err != nil {
				t.Fatal(err)
			}
			var once sync.Once
			slow.AddHook(afterCommand("get", func() { // the node has seen 4, and is not seen yet
				once.Do(func() {
					if _, err := broker.Repartition(t.Context(), rdb, 16); err != nil {
						t.Error(err)
					}
				})
			}))
			l, err := broker.NewLanes(broker.Config{Node: "n", Partitions: 4}, slow, testenv.Client(t, url), slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			if side == "gateway" {
				g := broker.NewGateway(l)
				err = g.Start(t.Context(), func(*broker.Event) error { return nil }, func(string) {})
				g.Close()
			} else {
				w := broker.NewWorker(l, broker.NewHandlers(contract.NewCatalog([]contract.Route{note.Handle(newNotebook().handle)})))
				err = w.Start(t.Context())
				w.Close()
			}
			if err == nil || !strings.Contains(err.Error(), "PARTITIONS is 4 here and 16 in Redis") {
				t.Errorf("the %s starts with %v", side, err)
			}
			if _, err := broker.Repartition(t.Context(), rdb, 8); err != nil {
				t.Errorf("the %s leaves something behind: %v", side, err)
			}
			if err := l.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}

// What other gateways leave of one that has died, once they have told that its sockets are
// gone, is in nobody's way.
func TestRepartitionAfterABurial(t *testing.T) {
	t.Parallel()
	testenv.OnBoth(t, func(t *testing.T, url string) {
		rdb := testenv.Client(t, url)
		t.Run("a node", func(t *testing.T) {
			node := startNode(t, url, "n", newNotebook(), partitioned(4))
			if err := rdb.ZAdd(t.Context(), "gateways", redis.Z{Score: float64(time.Now().UnixMilli()), Member: "dead.abcd:1"}).Err(); err != nil {
				t.Fatal(err)
			}
			testenv.WaitFor(t, 30*time.Second, "the burial", func() bool { return rdb.ZScore(t.Context(), "gateways", "dead.abcd:1").Err() != nil })
			if err := node.worker.Drain(t.Context()); err != nil {
				t.Error(err)
			}
		})
		if _, err := broker.Repartition(t.Context(), rdb, 8); err != nil {
			t.Error(err)
		}
	})
}

// Whoever asks an emptied Redis for the number of partitions, as yard and programs that emit,
// hears it from the nodes that run on; one that counts differently does not start beside them.
func TestTheNumberOfPartitionsOutlivesAnEmptiedRedis(t *testing.T) {
	t.Parallel()
	testenv.OnBoth(t, func(t *testing.T, url string) {
		rdb := testenv.Client(t, url)
		startNode(t, url, "n", nil, partitioned(4))
		if err := rdb.FlushDB(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		testenv.WaitFor(t, 10*time.Second, "the number", func() bool {
			n, err := broker.Partitions(t.Context(), rdb)
			return err == nil && n == 4
		})
		refuses(t, rdb, 8, "PARTITIONS is 8 here and 4 in Redis")
	})
}
