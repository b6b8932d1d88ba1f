package broker_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/testenv"
)

// A brokenLink fails the pipelines with some command: at once, or after Redis has
// done what they say.
type brokenLink struct {
	broken func(redis.Cmder) bool
	after  bool
	on     atomic.Bool
	failed atomic.Int64
}

var errBroken = errors.New("the link is broken")

func (l *brokenLink) pass(ctx context.Context, cmds []redis.Cmder, next redis.ProcessPipelineHook) error {
	switch {
	case !slices.ContainsFunc(cmds, l.broken) || !l.on.Load():
		return next(ctx, cmds)
	case l.after:
		_ = next(ctx, cmds)
	}
	for _, c := range cmds {
		c.SetErr(errBroken)
	}
	l.failed.Add(1)
	return errBroken
}

// start starts a node that is behind the link.
func (l *brokenLink) start(t *testing.T, url, name string, n *notebook, opts ...option) *testNode {
	t.Helper()
	rdb := testenv.Client(t, url)
	rdb.AddHook(testenv.Hook(l.pass))
	return startNodeOn(t, rdb, testenv.Client(t, url), name, n, opts...)
}

func isLookup(c redis.Cmder) bool { return c.Name() == "mget" }

// isCommit tells the commit script by its keys: no other script knows events.
func isCommit(c redis.Cmder) bool {
	return c.Name() == "evalsha" && strings.Contains(fmt.Sprint(c.Args()...), "evt:{p")
}

func TestWithoutLookupsOnlyCopiesWait(t *testing.T) {
	t.Parallel()
	testenv.OnBoth(t, func(t *testing.T, url string) {
		link := &brokenLink{broken: isLookup}
		link.on.Store(true)
		mine := newNotebook()
		n := link.start(t, url, "a", mine, kept, onePartition)
		var waiting []<-chan broker.Reply
		for range 3 {
			waiting = append(waiting, n.try("alice", "once", noteInput{Key: "k", Text: "once"}))
		}
		waiting = append(waiting, n.submit(noteInput{Key: "k", Text: "behind"}, 20*time.Second))
		testenv.WaitFor(t, 20*time.Second, "failed lookups", func() bool { return link.failed.Load() > 2 })
		if r := n.call(noteInput{Key: "other", Text: "other"}); r.Code != "" {
			t.Errorf("%s", r.Body)
		}
		if got := mine.of("k"); len(got) > 0 {
			t.Errorf("ran without a lookup: %v", got)
		}
		link.on.Store(false)
		for _, r := range waiting {
			if got := n.await(r); got.Code != "" {
				t.Errorf("%s", got.Body)
			}
		}
		if diff := cmp.Diff([]string{"once", "behind"}, mine.of("k")); diff != "" {
			t.Error(diff)
		}
	})
}

// One node is a cluster, too: lookups and commits are made for each partition.
func TestCopiesOnACluster(t *testing.T) {
	t.Parallel()
	opts, err := redis.ParseURL(testenv.Embedded(t))
	if err != nil {
		t.Fatal(err)
	}
	var crossing atomic.Int64
	slots := &brokenLink{broken: func(c redis.Cmder) bool {
		if isLookup(c) {
			for _, key := range c.Args()[1:] {
				if slot, _, _ := strings.Cut(fmt.Sprint(key), "}"); !strings.HasPrefix(fmt.Sprint(c.Args()[1]), slot+"}") {
					crossing.Add(1)
				}
			}
		}
		return isLookup(c)
	}}
	client := func() *redis.ClusterClient {
		c := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{opts.Addr}, MaxRedirects: -1, ContextTimeoutEnabled: true})
		t.Cleanup(func() { _ = c.Close() })
		c.AddHook(testenv.Hook(slots.pass))
		return c
	}
	book := newNotebook()
	n := startNodeOn(t, client(), client(), "a", book, kept)
	slots.on.Store(true)
	const keys = 40
	var replies []<-chan broker.Reply
	for i := range 3 * keys {
		replies = append(replies, n.try("alice", "once", noteInput{Key: fmt.Sprint("k", i%keys)}))
	}
	testenv.WaitFor(t, 20*time.Second, "failed lookups", func() bool { return slots.failed.Load() > 2 })
	slots.on.Store(false)
	for _, r := range replies {
		if got := n.await(r); got.Code != "" {
			t.Errorf("%s", got.Body)
		}
	}
	if runs := book.begun.Load(); runs != keys || crossing.Load() > 0 {
		t.Errorf("%d of %d ran, %d lookups in another slot", runs, keys, crossing.Load())
	}
}

func TestOneRoundTripLooksUpWhatAReadHasFound(t *testing.T) {
	t.Parallel()
	url := testenv.Embedded(t)
	gateway := startNode(t, url, "g", nil, kept)
	const total = 200
	replies := make([]<-chan broker.Reply, total)
	for i := range replies {
		replies[i] = gateway.try("alice", fmt.Sprint("once", i), noteInput{Key: fmt.Sprint(i)})
	}
	rdb := testenv.Client(t, url)
	testenv.WaitFor(t, 20*time.Second, "the backlog", func() bool {
		var n int64
		for p := range 16 {
			n += rdb.XLen(t.Context(), fmt.Sprintf("cmd:{p%d}", p)).Val()
		}
		return n == total
	})
	var lookups atomic.Int64
	counted := testenv.Client(t, url)
	counted.AddHook(testenv.Hook(func(ctx context.Context, cmds []redis.Cmder, next redis.ProcessPipelineHook) error {
		for _, c := range cmds {
			if isLookup(c) {
				lookups.Add(1)
			}
		}
		return next(ctx, cmds)
	}))
	startNodeOn(t, counted, testenv.Client(t, url), "w", newNotebook(), kept)
	for _, r := range replies {
		if got := gateway.await(r); got.Code != "" {
			t.Fatalf("%s", got.Body)
		}
	}
	if n := lookups.Load(); n != 1 {
		t.Errorf("%d lookups of %d commands", n, total)
	}
}

func TestWhatWaitsForALookupIsLeftToTheNextOwner(t *testing.T) {
	t.Parallel()
	testenv.OnBoth(t, func(t *testing.T, url string) {
		link := &brokenLink{broken: isLookup}
		link.on.Store(true)
		mine, theirs := newNotebook(), newNotebook()
		a := link.start(t, url, "a", mine, kept, onePartition)
		gateway := startNode(t, url, "g", nil, kept, onePartition)
		first := gateway.try("alice", "once", noteInput{Key: "k", Text: "once"})
		testenv.WaitFor(t, 20*time.Second, "a failed lookup", func() bool { return link.failed.Load() > 0 })
		startNode(t, url, "b", theirs, kept, onePartition)
		if err := a.worker.Drain(t.Context()); err != nil { // there is somebody to leave it to
			t.Error(err)
		}
		if r := gateway.await(first); r.Code != "" {
			t.Errorf("%s", r.Body)
		}
		if diff := cmp.Diff([][]string{nil, {"once"}}, [][]string{mine.of("k"), theirs.of("k")}); diff != "" {
			t.Error(diff)
		}
	})
}
