package broker

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/internal/redisconn"
	"github.com/example/switchyard/internal/testenv"
)

func TestWhoIsExpectedToAnswer(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for name, tc := range map[string]struct {
		ages map[string]time.Duration // of each life's newest beat
		want []string
	}{
		"one is dead":            {map[string]time.Duration{"a.1:1": 0, "b.1:1": time.Second, "c.1:1": 4 * time.Second}, []string{"a.1", "b.1"}},
		"Redis was away":         {map[string]time.Duration{"a.1:1": time.Minute, "b.1:1": time.Minute + time.Second}, []string{"a.1", "b.1"}},
		"its clock was set back": {map[string]time.Duration{"a.1:1": 0, "b.1:1": -time.Minute}, []string{"a.1", "b.1"}},
		"one is taken for dead":  {map[string]time.Duration{"a.1:1": time.Duration(now.UnixNano())}, nil},
		"nobody is known":        {nil, nil},
	} {
		var beats []redis.Z
		for life, age := range tc.ages {
			beats = append(beats, redis.Z{Member: life, Score: float64(now.Add(-age).UnixMilli())})
		}
		if diff := cmp.Diff(tc.want, slices.Sorted(maps.Keys(living(beats, now)))); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// masterAway is as on a Redis Cluster while the master that knows the gateways is away.
func masterAway(ctx context.Context, cmds []redis.Cmder, next redis.ProcessPipelineHook) error {
	others := slices.DeleteFunc(slices.Clone(cmds), func(c redis.Cmder) bool { return c.Name() == "zrange" })
	err := next(ctx, others)
	for _, c := range cmds {
		if c.Name() == "zrange" {
			err = &net.OpError{Op: "dial", Err: errors.New("connection refused")}
			c.SetErr(err)
		}
	}
	return err
}

// While Redis cannot tell who holds sockets, that nobody has answered yet says nothing; and
// an answer of the one socket that was asked is one.
func TestAQuestionWhileNobodyIsKnownToHoldSockets(t *testing.T) {
	t.Parallel()
	for name, forget := range map[string]func(rdb *redis.Client){
		"forgotten":      func(rdb *redis.Client) { _ = rdb.Del(context.Background(), gatewaysKey).Err() },
		"master is away": func(rdb *redis.Client) { rdb.AddHook(testenv.Hook(masterAway)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := testenv.Embedded(t)
			lanes := func(node string, rdb *redis.Client) *Lanes {
				l, err := NewLanes(Config{Node: node, Partitions: 4}, rdb, testenv.Client(t, url), slog.New(slog.NewTextHandler(t.Output(), nil)))
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = l.Close() })
				return l
			}
			g := NewGateway(lanes("g", testenv.Client(t, url)))
			g.Answering(func(q Question, done func(Answer)) {
				if q.Action == AskCall {
					done(Answer{Count: 1, Sockets: []SocketAnswer{{ID: q.Socket}}})
				}
			})
			if err := g.Start(t.Context(), func(*Event) error { return nil }, func(string) {}); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(g.Close)
			rdb := testenv.Client(t, url)
			a, n := NewAsker(lanes("w", rdb)), contract.Namespace{Name: "/test"}
			forget(rdb)
			r, err := a.Ask(t.Context(), contract.AskSpec{Name: "question", Namespace: n}, contract.Who{Socket: "s"}, "x")
			if err != nil || len(r.Sockets) != 1 || r.Sockets[0].Err != nil {
				t.Errorf("the socket says %+v, %v", r, err)
			}
			forget(rdb)
			ctx, cancel := context.WithTimeout(t.Context(), 400*time.Millisecond)
			defer cancel()
			if l, err := a.List(ctx, n, contract.Who{User: "alice"}); !errors.Is(err, fault.New(fault.Timeout, "")) && len(l.Missing) == 0 {
				t.Errorf("the sockets of alice are %+v, %v", l, err)
			}
		})
	}
}

// One client keeps silent, so its node answers when the time is over: what the others have
// said still has its way to go, which takes a while where Redis is far or a machine is busy.
func TestTheAnswersBesideASilentOneComeInTime(t *testing.T) {
	t.Parallel()
	url := testenv.Embedded(t)
	lanes := func(node string) *Lanes {
		l, err := NewLanes(Config{Node: node, Partitions: 4}, testenv.Client(t, url), testenv.Client(t, url), slog.New(slog.NewTextHandler(t.Output(), nil)))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		return l
	}
	const way = 150 * time.Millisecond
	g := NewGateway(lanes("far"))
	g.Answering(func(q Question, done func(Answer)) {
		time.AfterFunc(q.Within+way, func() {
			done(Answer{Count: 2, Sockets: []SocketAnswer{{ID: "quick", Body: []byte(`1`)}, {ID: "silent", Problem: ProblemLate}}})
		})
	})
	if err := g.Start(t.Context(), func(*Event) error { return nil }, func(string) {}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	spec := contract.AskSpec{Name: "question", Namespace: contract.Namespace{Name: "/test"}, Timeout: 5 * time.Second}
	if r, err := NewAsker(lanes("near")).Ask(t.Context(), spec, contract.InRoom("r"), "x"); err != nil || len(r.Missing) > 0 || len(r.Sockets) != 2 {
		t.Errorf("the room says %+v, %v", r, err)
	}
}

// A process that has asked and ends has no failure to tell: nobody waits for an answer.
func TestWhoHasAskedEndsWithoutAWord(t *testing.T) {
	t.Parallel()
	url, stop, err := redisconn.Embed()
	if err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	l, err := NewLanes(Config{Node: "n", Partitions: 1}, testenv.Client(t, url), testenv.Client(t, url), slog.New(slog.NewTextHandler(&said, nil)))
	if err != nil {
		stop()
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	a := NewAsker(l)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, _ = a.List(ctx, contract.Namespace{Name: "/test"}, contract.Who{User: "alice"}) // nobody is there
	stop()
	testenv.WaitFor(t, 10*time.Second, "the reader to end", func() bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		return !a.reading
	})
	if got := said.String(); got != "" {
		t.Errorf("it says %s", got)
	}
}
