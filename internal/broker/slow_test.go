package broker_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/testenv"
)

// A slowLink brings no more than about so many entries in time.
type slowLink int

func (slowLink) DialHook(next redis.DialHook) redis.DialHook { return next }

func (slowLink) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (l slowLink) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		reply, ok := cmd.(*redis.RawWriteToCmd)
		if ok && reply.Val() > int64(l)*bytesOfEntry {
			cmd.SetErr(os.ErrDeadlineExceeded)
			return os.ErrDeadlineExceeded
		}
		return err
	}
}

const bytesOfEntry = 500 // about

func TestASlowLinkIsReadInSmallerBatches(t *testing.T) {
	t.Parallel()
	url := testenv.Embedded(t)
	one := func(c *broker.Config) { c.Partitions = 1 }
	const total = 150
	far := testenv.Client(t, url)
	far.AddHook(slowLink(20))
	gateway := startNode(t, url, "near", nil, one)
	replies := make([]<-chan broker.Reply, total)
	for i := range replies {
		replies[i] = gateway.submit(noteInput{Key: fmt.Sprint(i)}, 20*time.Second)
	}
	rdb := testenv.Client(t, url)
	testenv.WaitFor(t, 5*time.Second, "the backlog", func() bool { return rdb.XLen(t.Context(), "cmd:{p0}").Val() == total })
	node := startNodeOn(t, rdb, far, "far", newNotebook(), one)
	for _, r := range replies {
		if got := gateway.await(r); got.Code != "" {
			t.Fatalf("%s %s", got.Code, got.Body)
		}
	}
	testenv.WaitFor(t, 10*time.Second, "the events", func() bool { return len(node.texts()) == total })
}

func TestAWorkerReadsNoMoreThanItMayHaveInFlight(t *testing.T) {
	t.Parallel()
	url := testenv.Embedded(t)
	const total, limit = 200, 30
	gateway := startNode(t, url, "g", nil)
	replies := make([]<-chan broker.Reply, total)
	for i := range replies {
		replies[i] = gateway.submit(noteInput{Key: fmt.Sprint(i), Do: "block"}, 20*time.Second)
	}
	rdb := testenv.Client(t, url)
	backlog := func() (n int64) {
		for p := range 16 {
			n += rdb.XLen(t.Context(), fmt.Sprintf("cmd:{p%d}", p)).Val()
		}
		return n
	}
	testenv.WaitFor(t, 5*time.Second, "the backlog", func() bool { return backlog() == total })
	book := newNotebook()
	worker := startNode(t, url, "w", book, func(c *broker.Config) { c.InFlight = limit })
	testenv.WaitFor(t, 5*time.Second, "as many as may run", func() bool { return book.begun.Load() == limit })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := worker.worker.Drain(ctx); err == nil || err.Error()[:17] != "30 commands still" {
		t.Errorf("in flight: %v", err)
	}
	close(book.block)
}
