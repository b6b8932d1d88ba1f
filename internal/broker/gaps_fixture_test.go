package broker_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/testenv"
)

// A cut fails the commands of a client for as long as it is on.
type cut struct{ on atomic.Bool }

var errCut = errors.New("the connection is cut")

func (*cut) DialHook(next redis.DialHook) redis.DialHook { return next }

func (c *cut) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (c *cut) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := errCut
		if !c.on.Load() {
			err = next(ctx, cmd)
		}
		if c.on.Load() {
			err = errCut
		}
		if errors.Is(err, errCut) {
			cmd.SetErr(err)
		}
		return err
	}
}

// A listener is a gateway alone whose reads can be cut, beside a node that works.
type listener struct {
	*testNode
	*cut
	rdb  *redis.Client
	node *testNode
	sent int
}

func listen(t *testing.T, url string) *listener {
	t.Helper()
	l := &listener{cut: &cut{}, rdb: testenv.Client(t, url)}
	one := func(c *broker.Config) { c.Partitions = 1 }
	l.node = startNode(t, url, "worker", newNotebook(), one)
	reads := testenv.Client(t, url)
	reads.AddHook(l.cut)
	l.testNode = startNodeOn(t, testenv.Client(t, url), reads, "listener", nil, one)
	return l
}

// say makes events, one each of a number of commands.
func (l *listener) say(n int) {
	l.t.Helper()
	for range n {
		l.sent++
		if r := l.node.call(noteInput{Key: "k", Text: fmt.Sprint(l.sent)}); r.Code != "" {
			l.t.Fatalf("%s %s", r.Code, r.Body)
		}
	}
}

// hears waits for the newest event and checks that exactly these have come.
func (l *listener) hears(want ...int) {
	l.t.Helper()
	texts := make([]string, len(want))
	for i, n := range want {
		texts[i] = fmt.Sprint(n)
	}
	testenv.WaitFor(l.t, 10*time.Second, "the newest event", func() bool { return slices.Contains(l.texts(), texts[len(texts)-1]) })
	if diff := cmp.Diff(texts, l.texts()); diff != "" {
		l.t.Error(diff)
	}
}

// isTold waits until nothing but these reasons has been announced.
func (l *listener) isTold(reasons ...string) {
	l.t.Helper()
	testenv.WaitFor(l.t, 10*time.Second, "the announcement", func() bool { return len(l.announced()) >= len(reasons) })
	if diff := cmp.Diff(reasons, l.announced()); diff != "" {
		l.t.Error(diff)
	}
}

// upTo are the numbers from a to b.
func upTo(a, b int) []int {
	var all []int
	for ; a <= b; a++ {
		all = append(all, a)
	}
	return all
}

const eventLane = "evt:{p0}"

func (l *listener) do(cmds ...redis.Cmder) {
	l.t.Helper()
	for _, c := range cmds {
		if err := c.Err(); err != nil {
			l.t.Fatal(err)
		}
	}
}
