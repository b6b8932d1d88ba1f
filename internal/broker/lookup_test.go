package broker_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/fault"
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

func (*brokenLink) DialHook(next redis.DialHook) redis.DialHook          { return next }
func (*brokenLink) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }

func (l *brokenLink) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		found := false
		for _, c := range cmds {
			found = found || l.broken(c)
		}
		switch {
		case !found || !l.on.Load():
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
}

func isLookup(c redis.Cmder) bool { return c.Name() == "mget" }

// isCommit tells the completion script by its keys: no other script knows events.
func isCommit(c redis.Cmder) bool {
	return c.Name() == "evalsha" && strings.Contains(fmt.Sprint(c.Args()...), "evt:{p")
}

func TestWithoutLookupsOnlyCopiesWait(t *testing.T) {
	t.Parallel()
	on(t, func(t *testing.T, url string) {
		link := &brokenLink{broken: isLookup}
		link.on.Store(true)
		rdb := testenv.Client(t, url)
		rdb.AddHook(link)
		mine := newNotebook()
		n := startNodeOn(t, rdb, testenv.Client(t, url), "a", mine, kept, onePartition)
		var waiting []<-chan broker.Reply
		for range 3 {
			waiting = append(waiting, n.try("alice", "once", noteInput{Key: "k", Text: "once"}))
		}
		waiting = append(waiting, n.submit(noteInput{Key: "k", Text: "behind"}, 20*time.Second))
		testenv.WaitFor(t, 5*time.Second, "failed lookups", func() bool { return link.failed.Load() > 2 })
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
		c.AddHook(slots)
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
	testenv.WaitFor(t, 5*time.Second, "failed lookups", func() bool { return slots.failed.Load() > 2 })
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
	testenv.WaitFor(t, 5*time.Second, "the backlog", func() bool {
		var n int64
		for p := range 16 {
			n += rdb.XLen(t.Context(), fmt.Sprintf("cmd:{p%d}", p)).Val()
		}
		return n == total
	})
	var lookups atomic.Int64
	counted := testenv.Client(t, url)
	counted.AddHook(&brokenLink{broken: func(c redis.Cmder) bool {
		if isLookup(c) {
			lookups.Add(1)
		}
		return false
	}})
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
	on(t, func(t *testing.T, url string) {
		link := &brokenLink{broken: isLookup}
		link.on.Store(true)
		rdb := testenv.Client(t, url)
		rdb.AddHook(link)
		mine, theirs := newNotebook(), newNotebook()
		a := startNodeOn(t, rdb, testenv.Client(t, url), "a", mine, kept, onePartition)
		gateway := startNode(t, url, "g", nil, kept, onePartition)
		first := gateway.try("alice", "once", noteInput{Key: "k", Text: "once"})
		testenv.WaitFor(t, 5*time.Second, "a failed lookup", func() bool { return link.failed.Load() > 0 })
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

// The lookup of the last copy was before the first one's commit, and much else is
// committed before its turn comes.
func TestACopyThatWaitsForLongIsNotRun(t *testing.T) {
	t.Parallel()
	on(t, func(t *testing.T, url string) {
		book := newNotebook()
		gateway := startNode(t, url, "g", nil, kept, onePartition)
		in := noteInput{Key: "k", Text: "once"}
		first := gateway.try("alice", "once", in)
		blocked := gateway.submit(noteInput{Key: "k", Text: "between", Do: "block"}, 20*time.Second)
		second := gateway.try("alice", "once", in)
		rdb := testenv.Client(t, url)
		testenv.WaitFor(t, 5*time.Second, "the backlog", func() bool { return rdb.XLen(t.Context(), "cmd:{p0}").Val() == 3 })
		startNode(t, url, "w", book, kept, onePartition) // which reads all three at once
		want := gateway.await(first)
		others := make([]<-chan broker.Reply, 800) // three times what a partition reads ahead
		for i := range others {
			others[i] = gateway.try("alice", fmt.Sprint("other", i), noteInput{Key: fmt.Sprint("other", i)})
		}
		for _, r := range others {
			if got := gateway.await(r); got.Code != "" {
				t.Fatalf("%s", got.Body)
			}
		}
		close(book.block)
		gateway.await(blocked)
		if diff := cmp.Diff(want, gateway.await(second)); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{"once", "between"}, book.of("k")); diff != "" {
			t.Error(diff)
		}
	})
}

func TestACopyIsReplayedByTheNextOwner(t *testing.T) {
	t.Parallel()
	for name, committed := range map[string]bool{"the first is committed": true, "the first runs": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			on(t, func(t *testing.T, url string) {
				mine, theirs := newNotebook(), newNotebook()
				gateway := startNode(t, url, "g", nil, kept, onePartition)
				a := startNode(t, url, "a", mine, kept, onePartition)
				in := noteInput{Key: "k", Text: "once", Do: "block"}
				want, begun := []string{"once"}, int64(1)
				if committed {
					in.Do = ""
					want, begun = []string{"between"}, 2
				}
				first := gateway.try("alice", "once", in)
				if committed {
					gateway.submit(noteInput{Key: "k", Text: "between", Do: "block"}, 20*time.Second)
				}
				second := gateway.try("alice", "once", in)
				testenv.WaitFor(t, 5*time.Second, "the handlers", func() bool { return mine.begun.Load() == begun })
				a.worker.Close() // as if it had died: the lease lapses
				close(theirs.block)
				startNode(t, url, "b", theirs, kept, onePartition)
				if diff := cmp.Diff(gateway.await(first), gateway.await(second)); diff != "" {
					t.Error(diff)
				}
				close(mine.block) // the dead one wakes up, and commits nothing
				if diff := cmp.Diff(want, theirs.of("k")); diff != "" {
					t.Error(diff)
				}
				rdb := testenv.Client(t, url)
				testenv.WaitFor(t, 5*time.Second, "an empty backlog", func() bool { return rdb.XLen(t.Context(), "cmd:{p0}").Val() == 0 })
				if n := strings.Count(strings.Join(gateway.texts(), " "), "once"); n != 1 {
					t.Errorf("%d events", n)
				}
			})
		})
	}
}

func TestACommitWhoseAnswerIsLost(t *testing.T) {
	t.Parallel()
	on(t, func(t *testing.T, url string) {
		link := &brokenLink{broken: isCommit, after: true}
		rdb := testenv.Client(t, url)
		rdb.AddHook(link)
		book := newNotebook()
		gateway := startNode(t, url, "g", nil, kept, onePartition)
		startNodeOn(t, rdb, testenv.Client(t, url), "a", book, kept, onePartition)
		gateway.call(noteInput{Key: "warm", Text: "warm"})
		link.on.Store(true)
		in := noteInput{Key: "k", Text: "once"}
		want := gateway.tried("alice", "once", in) // the worker tries to commit it again and again
		copies := []<-chan broker.Reply{gateway.try("alice", "once", in), gateway.try("alice", "once", in)}
		other := gateway.try("alice", "once", noteInput{Key: "k", Text: "else"})
		testenv.WaitFor(t, 5*time.Second, "commits that fail", func() bool { return link.failed.Load() > 2 })
		link.on.Store(false)
		for _, r := range copies {
			if diff := cmp.Diff(want, gateway.await(r)); diff != "" {
				t.Error(diff)
			}
		}
		if r := gateway.await(other); r.Code != fault.Conflict {
			t.Errorf("%s", r.Body)
		}
		if diff := cmp.Diff([]string{"once"}, book.of("k")); diff != "" {
			t.Error(diff)
		}
		gateway.call(noteInput{Key: "k", Text: "end"})
		if diff := cmp.Diff([]string{"warm", "once", "end"}, gateway.texts()); diff != "" {
			t.Error(diff)
		}
	})
}
