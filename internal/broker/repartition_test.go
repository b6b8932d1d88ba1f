package broker_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/testenv"
)

func partitioned(n int) option { return func(c *broker.Config) { c.Partitions = n } }

// changing is who changes the number of partitions, found in Redis, to n.
func changing(t *testing.T, rdb redis.UniversalClient, n int) (moved int, err error) {
	t.Helper()
	i, err := broker.Inspect(t.Context(), rdb)
	if err != nil {
		t.Fatal(err)
	}
	return i.Repartition(t.Context(), n)
}

// refuses tells whether a node of so many partitions does not start, and says why.
func refuses(t *testing.T, rdb redis.UniversalClient, n int, why string) {
	t.Helper()
	l, err := broker.NewLanes(broker.Config{Node: "refused", Partitions: n}, rdb, rdb, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	g := broker.NewGateway(l)
	defer g.Close()
	if err := g.Start(t.Context(), func(*broker.Event) error { return nil }, func(string) {}); err == nil || !strings.Contains(err.Error(), why) {
		t.Errorf("a node with %d partitions starts with %v, and should not, because %s", n, err, why)
	}
}

// What is kept of events is found under every number of partitions, and goes on there.
func TestRepartition(t *testing.T) {
	t.Parallel()
	on(t, func(t *testing.T, url string) {
		rdb := testenv.Client(t, url)
		repartitioned(t, rdb, func(t *testing.T, n int) *testNode {
			return startNode(t, url, "n", newNotebook(), partitioned(n))
		})
	})
}

func TestRepartitionOnACluster(t *testing.T) {
	t.Parallel()
	cluster := testenv.Cluster(t, "partitions that change on a Redis Cluster")
	repartitioned(t, testenv.ClusterClient(t, cluster), func(t *testing.T, n int) *testNode {
		return startNodeOnCluster(t, cluster, "n", newNotebook(), partitioned(n))
	})
}

func repartitioned(t *testing.T, rdb redis.UniversalClient, start func(*testing.T, int) *testNode) {
	t.Helper()
	const keys = 30
	key := func(k int) string { return fmt.Sprint("a key ", k) }
	var want []noteOutput
	before := 4
	for round, n := range []int{4, 16, 5} {
		if n != before {
			if moved, err := changing(t, rdb, n); err != nil || moved < keys/4 || moved > keys {
				t.Fatalf("from %d to %d: %d streams of %d were moved, %v", before, n, moved, keys, err)
			}
			refuses(t, rdb, before, fmt.Sprintf("set it to %d", n))
		}
		before = n
		want = append(want, noteOutput{Text: fmt.Sprint("round ", round)})
		t.Run(fmt.Sprint(n, " partitions"), func(t *testing.T) { // its node has gone at the end
			node := start(t, n)
			for k := range keys {
				if r := node.call(noteInput{Key: key(k), Text: fmt.Sprint("round ", round), Do: "keep"}); r.Code != "" {
					t.Fatalf("%s", r.Body)
				}
			}
			for k := range keys {
				found, err := remembered.Before(t.Context(), broker.NewHistory(node.lanes, rdb), key(k), "", 10)
				if diff := cmp.Diff(want, found); err != nil || diff != "" {
					t.Errorf("%s: %v %s", key(k), err, diff)
				}
			}
			if _, err := changing(t, rdb, n+1); err == nil || !strings.Contains(err.Error(), "stop all nodes") {
				t.Errorf("while a node runs: %v", err)
			}
			if n, err := broker.Partitions(t.Context(), rdb); err != nil || n != before {
				t.Errorf("then there are %d, %v", n, err)
			}
			if r := node.call(noteInput{Key: "k", Text: "still"}); r.Code != "" {
				t.Errorf("%s", r.Body)
			}
		})
		// Nobody beats any more: a worker that closes has left, a gateway is taken for gone.
		testenv.WaitFor(t, 20*time.Second, "the node to be gone", func() bool {
			now := rdb.Time(t.Context()).Val()
			beats := rdb.ZRangeWithScores(t.Context(), "gateways", 0, -1).Val()
			beats = append(beats, rdb.ZRangeWithScores(t.Context(), "workers", 0, -1).Val()...)
			for _, b := range beats {
				if b.Score > float64(now.Add(-2500*time.Millisecond).UnixMilli()) {
					return false
				}
			}
			return true
		})
	}
}

// What has its place in a partition and would be lost keeps their number from being changed.
func TestRepartitionOnlyAtRest(t *testing.T) {
	t.Parallel()
	on(t, func(t *testing.T, url string) {
		rdb := testenv.Client(t, url)
		if err := rdb.Set(t.Context(), "partitions", 4, 0).Err(); err != nil {
			t.Fatal(err)
		}
		for key, tc := range map[string]struct {
			put  redis.Cmder
			n    int
			want string
		}{
			"cmd:{p2}":           {redis.NewStringCmd(t.Context(), "XADD", "cmd:{p2}", "*", "payload", "{}"), 8, "a backlog of 1 commands"},
			"dlq:{p3}":           {redis.NewStringCmd(t.Context(), "XADD", "dlq:{p3}", "*", "payload", "{}"), 3, "1 dead letters"},
			"roster:{p1}:g.ab:1": {redis.NewIntCmd(t.Context(), "HSET", "roster:{p1}:g.ab:1", "a", "b"), 8, "whose gateway died"},
			"none":               {redis.NewIntCmd(t.Context(), "DEL", "none"), 1025, "between 1 and 1024"},
		} {
			if err := rdb.Process(t.Context(), tc.put); err != nil {
				t.Fatal(err)
			}
			if _, err := changing(t, rdb, tc.n); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%s: %v", key, err)
			}
			if n, err := broker.Partitions(t.Context(), rdb); err != nil || n != 4 {
				t.Errorf("%s: then there are %d, %v", key, n, err)
			}
			if err := rdb.Del(t.Context(), key).Err(); err != nil {
				t.Fatal(err)
			}
		}
		if err := rdb.XAdd(t.Context(), &redis.XAddArgs{Stream: "dlq:{p3}", Values: []string{"payload", "{}"}}).Err(); err != nil {
			t.Fatal(err)
		}
		if _, err := changing(t, rdb, 8); err != nil { // dead letters stay where they are
			t.Error(err)
		}
	})
}

// An interrupted change is finished by whoever begins it again; until then nobody takes one
// number or the other for that of the partitions.
func TestAnInterruptedRepartition(t *testing.T) {
	t.Parallel()
	on(t, func(t *testing.T, url string) {
		rdb := testenv.Client(t, url)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		if err := rdb.Set(ctx, "partitions", 2, 0).Err(); err != nil {
			t.Fatal(err)
		}
		const keys = 40
		for p := range 2 {
			for k := range keys { // half of them are where they would not be found
				if err := rdb.XAdd(ctx, &redis.XAddArgs{Stream: fmt.Sprintf("kept:{p%d}:/test remembered k%d", p, k), Values: []string{"payload", `{"text":"x"}`}}).Err(); err != nil {
					t.Fatal(err)
				}
			}
		}
		const first = 5
		renamed := 0
		rdb.AddHook(beforeCommand{name: "rename", do: func() {
			if renamed++; renamed > first {
				cancel()
			}
		}})
		i, err := broker.Inspect(ctx, rdb)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := i.Repartition(ctx, 64); err == nil || !strings.Contains(err.Error(), "run this again") {
			t.Fatalf("interrupted: %v", err)
		}
		for _, n := range []int{2, 64} {
			refuses(t, rdb, n, `wait until "yard repartition 64" has ended`)
		}
		if _, err := broker.NewEmitter(t.Context(), rdb); err == nil {
			t.Error("it can be emitted")
		}
		if _, err := changing(t, rdb, 32); err == nil || !strings.Contains(err.Error(), "from 2 to 64") {
			t.Errorf("to another number: %v", err)
		}
		moved, err := changing(t, rdb, 64)
		if err != nil || moved == 0 || moved > keys-first {
			t.Errorf("%d more of %d are moved, %v", moved, keys, err)
		}
		l, err := broker.NewLanes(broker.Config{Node: "n", Partitions: 64}, rdb, rdb, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		for k := range keys {
			found, err := remembered.Before(t.Context(), broker.NewHistory(l, rdb), fmt.Sprint("k", k), "", 10)
			if err != nil || len(found) != 1 {
				t.Errorf("k%d: %v, %v", k, found, err)
			}
		}
	})
}

// A beforeCommand does something before each command of a name.
type beforeCommand struct {
	redis.Hook
	name string
	do   func()
}

func (h beforeCommand) DialHook(next redis.DialHook) redis.DialHook { return next }

func (h beforeCommand) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if cmd.Name() == h.name {
			h.do()
		}
		return next(ctx, cmd)
	}
}

func (h beforeCommand) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}
