package broker_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/testenv"
)

func partitioned(n int) option { return func(c *broker.Config) { c.Partitions = n } }

// partitionsAre tells what Redis says of their number.
func partitionsAre(t *testing.T, rdb redis.UniversalClient, want string) {
	t.Helper()
	if got := rdb.Get(t.Context(), "partitions").Val(); got != want {
		t.Errorf("Redis says %q of the partitions, want %q", got, want)
	}
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
	testenv.OnBoth(t, func(t *testing.T, url string) {
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
			if moved, err := broker.Repartition(t.Context(), rdb, n); err != nil || moved < keys/4 || moved > keys {
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
			if _, err := broker.Repartition(t.Context(), rdb, n+1); err == nil || !strings.Contains(err.Error(), "Stop all nodes") {
				t.Errorf("while a node runs: %v", err)
			}
			partitionsAre(t, rdb, fmt.Sprint(n))
			if r := node.call(noteInput{Key: "k", Text: "still"}); r.Code != "" {
				t.Errorf("%s", r.Body)
			}
			if err := node.worker.Drain(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// An interrupted change is finished by whoever begins it again; until then nobody takes one
// number or the other for that of the partitions.
func TestAnInterruptedRepartition(t *testing.T) {
	t.Parallel()
	testenv.OnBoth(t, func(t *testing.T, url string) {
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
		rdb.AddHook(beforeCommand("rename", func() {
			if renamed++; renamed > first {
				cancel()
			}
		}))
		if _, err := broker.Repartition(ctx, rdb, 64); err == nil || !strings.Contains(err.Error(), "run this again") {
			t.Fatalf("interrupted: %v", err)
		}
		for _, n := range []int{2, 64} {
			refuses(t, rdb, n, `wait until "yard repartition 64" has ended`)
		}
		if _, err := broker.NewEmitter(t.Context(), rdb); err == nil {
			t.Error("it can be emitted")
		}
		if _, err := broker.Inspect(t.Context(), rdb); err == nil {
			t.Error("dead letters can be replayed")
		}
		if _, err := broker.Repartition(t.Context(), rdb, 32); err == nil || !strings.Contains(err.Error(), "from 2 to 64") {
			t.Errorf("to another number: %v", err)
		}
		moved, err := broker.Repartition(t.Context(), rdb, 64)
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

// Who was interrupted while it looked has moved nothing: whoever comes next looks again, and
// may want another number.
func TestARepartitionThatOnlyLooked(t *testing.T) {
	t.Parallel()
	testenv.OnBoth(t, func(t *testing.T, url string) {
		rdb := testenv.Client(t, url)
		node := startNode(t, url, "n", newNotebook(), partitioned(4))
		for _, n := range []int{16, 32} {
			if err := rdb.Set(t.Context(), "partitions", "4 to 16?", 0).Err(); err != nil {
				t.Fatal(err)
			}
			refuses(t, rdb, 4, "is being changed from 4 to 16")
			if _, err := broker.Repartition(t.Context(), rdb, n); err == nil || !strings.Contains(err.Error(), "Stop all nodes") {
				t.Errorf("while a node runs: %v", err)
			}
			partitionsAre(t, rdb, "4")
		}
		if r := node.call(noteInput{Key: "k", Text: "still"}); r.Code != "" {
			t.Errorf("%s", r.Body)
		}
	})
}

// Who comes too late, with what the partitions were before, gives up.
func TestTwoRepartitions(t *testing.T) {
	t.Parallel()
	testenv.OnBoth(t, func(t *testing.T, url string) {
		rdb, late := testenv.Client(t, url), testenv.Client(t, url)
		if err := rdb.Set(t.Context(), "partitions", 4, 0).Err(); err != nil {
			t.Fatal(err)
		}
		var once sync.Once
		late.AddHook(afterCommand("get", func() {
			once.Do(func() {
				if _, err := broker.Repartition(t.Context(), rdb, 16); err != nil {
					t.Error(err)
				}
			})
		}))
		if _, err := broker.Repartition(t.Context(), late, 32); err == nil || !strings.Contains(err.Error(), "somebody else") {
			t.Errorf("the second says %v", err)
		}
		partitionsAre(t, rdb, "16")
	})
}

// A slot that moves while streams are looked for takes them to where they have been looked
// for already.
func TestRepartitionWhileASlotMoves(t *testing.T) {
	t.Parallel()
	cluster := testenv.Cluster(t, "partitions that change on a Redis Cluster")
	rdb, other := testenv.ClusterClient(t, cluster).(*redis.ClusterClient), testenv.ClusterClient(t, cluster).(*redis.ClusterClient)
	if err := other.Set(t.Context(), "partitions", 4, 0).Err(); err != nil {
		t.Fatal(err)
	}
	const keys = 60
	for p := range 4 { // only one of the four counts
		for k := range keys {
			if err := other.XAdd(t.Context(), &redis.XAddArgs{Stream: fmt.Sprintf("kept:{p%d}:/test remembered k%d", p, k), Values: []string{"payload", `{"text":"x"}`}}).Err(); err != nil {
				t.Fatal(err)
			}
		}
	}
	from, err := other.MasterForKey(t.Context(), "{p1}")
	if err != nil {
		t.Fatal(err)
	}
	slow, looked := make(chan struct{}), make(chan struct{}, 100)
	rdb.OnNewNode(func(n *redis.Client) {
		if n.Options().Addr == from.Options().Addr {
			n.AddHook(beforeCommand("scan", func() { <-slow }))
		} else {
			n.AddHook(afterCommand("scan", func() { looked <- struct{}{} }))
		}
	})
	done := make(chan error)
	go func() { _, err := broker.Repartition(t.Context(), rdb, 64); done <- err }()
	<-looked
	<-looked
	cluster.MoveSlot(t, "{p1}", func() {})
	close(slow)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	l, err := broker.NewLanes(broker.Config{Node: "n", Partitions: 64}, other, other, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for k := range keys {
		if found, err := remembered.Before(t.Context(), broker.NewHistory(l, other), fmt.Sprint("k", k), "", 10); err != nil || len(found) != 1 {
			t.Errorf("k%d: %v, %v", k, found, err)
		}
	}
}

// beforeCommand does something before each command of a name.
func beforeCommand(name string, do func()) testenv.Hook {
	return func(ctx context.Context, cmds []redis.Cmder, next redis.ProcessPipelineHook) error {
		if cmds[0].Name() == name {
			do()
		}
		return next(ctx, cmds)
	}
}

// afterCommand does it after them.
func afterCommand(name string, do func()) testenv.Hook {
	return func(ctx context.Context, cmds []redis.Cmder, next redis.ProcessPipelineHook) error {
		if cmds[0].Name() == name {
			defer do()
		}
		return next(ctx, cmds)
	}
}
