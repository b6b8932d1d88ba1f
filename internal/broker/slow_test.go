package broker_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/testenv"
)

// A slowLink brings no more than about so many entries in time.
type slowLink struct {
	net.Conn
	entries, read int
}

func (l *slowLink) Write(b []byte) (int, error) {
	l.read = 0
	return l.Conn.Write(b)
}

func (l *slowLink) Read(b []byte) (int, error) {
	n, err := l.Conn.Read(b)
	if l.read += n; l.read > l.entries*bytesOfEntry {
		return 0, os.ErrDeadlineExceeded
	}
	return n, err
}

const bytesOfEntry = 500 // about

// overSlowLinks is a client all of whose connections are slow, and how many it has made.
func overSlowLinks(t *testing.T, url string) (*redis.Client, *atomic.Int64) {
	t.Helper()
	opts, err := redis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	dials := new(atomic.Int64)
	opts.MaxRetries = -1
	opts.Dialer = func(ctx context.Context, network, addr string) (net.Conn, error) {
		dials.Add(1)
		var d net.Dialer
		conn, err := d.DialContext(ctx, network, addr)
		return &slowLink{Conn: conn, entries: 20}, err
	}
	far := redis.NewClient(opts)
	t.Cleanup(func() { _ = far.Close() })
	return far, dials
}

func TestASlowLinkIsReadInSmallerBatches(t *testing.T) {
	t.Parallel()
	url := testenv.Embedded(t)
	one := func(c *broker.Config) { c.Partitions = 1 }
	const total = 150
	far, dials := overSlowLinks(t, url)
	gateway := startNode(t, url, "near", nil, one)
	replies := make([]<-chan broker.Reply, total)
	for i := range replies {
		replies[i] = gateway.submit(noteInput{Key: fmt.Sprint(i)}, 20*time.Second)
	}
	rdb := testenv.Client(t, url)
	testenv.WaitFor(t, 20*time.Second, "the backlog", func() bool { return rdb.XLen(t.Context(), "cmd:{p0}").Val() == total })
	node := startNodeOn(t, rdb, far, "far", newNotebook(), one)
	for _, r := range replies {
		if got := gateway.await(r); got.Code != "" {
			t.Fatalf("%s %s", got.Code, got.Body)
		}
	}
	testenv.WaitFor(t, 10*time.Second, "the events", func() bool { return len(node.texts()) == total })
	if n := dials.Load(); n <= 2 {
		t.Errorf("%d connections were opened: no read was too slow", n)
	}
}

// A gateway starts however large the last events of all lanes are together.
func TestAGatewayStartsOverASlowLink(t *testing.T) {
	t.Parallel()
	url := testenv.Embedded(t)
	rdb := testenv.Client(t, url)
	const lanes = 64
	pipe := rdb.Pipeline()
	for p := range lanes {
		values := []any{"_watermill_message_uuid", "x", "payload", strings.Repeat("x", bytesOfEntry)}
		pipe.XAdd(t.Context(), &redis.XAddArgs{Stream: fmt.Sprintf("evt:{p%d}", p), Values: values})
	}
	if _, err := pipe.Exec(t.Context()); err != nil {
		t.Fatal(err)
	}
	far, _ := overSlowLinks(t, url)
	node := startNodeOn(t, rdb, far, "far", newNotebook(), partitioned(lanes))
	if r := node.call(noteInput{Key: "k", Text: "heard"}); r.Code != "" {
		t.Fatal(r.Code)
	}
	testenv.WaitFor(t, 10*time.Second, "the event", func() bool { return slices.Equal(node.texts(), []string{"heard"}) })
}

// inspectOverSlowLinks is what yard looks by, far from Redis.
func inspectOverSlowLinks(t *testing.T, url string) *broker.Inspector {
	t.Helper()
	far, _ := overSlowLinks(t, url)
	i, err := broker.Inspect(t.Context(), far)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// An operator far from Redis sees large dead letters, too.
func TestDeadLettersComeOverASlowLink(t *testing.T) {
	t.Parallel()
	url := testenv.Embedded(t)
	rdb := testenv.Client(t, url)
	const total = 150
	pipe := rdb.Pipeline()
	pipe.Set(t.Context(), "partitions", 1, 0)
	for n := range total {
		values := []any{"_watermill_message_uuid", fmt.Sprint(n), "payload", strings.Repeat("x", bytesOfEntry)}
		pipe.XAdd(t.Context(), &redis.XAddArgs{Stream: "dlq:{p0}", Values: values})
	}
	if _, err := pipe.Exec(t.Context()); err != nil {
		t.Fatal(err)
	}
	i := inspectOverSlowLinks(t, url)
	seen := 0
	err := i.EachDeadLetter(t.Context(), func(d broker.DeadLetter) error {
		if d.CommandID != fmt.Sprint(seen) {
			t.Fatalf("number %d is %s", seen, d.CommandID)
		}
		seen++
		return nil
	})
	if err != nil || seen != total {
		t.Errorf("%d were seen: %v", seen, err)
	}
}

// An operator far from Redis sees how far lanes are behind whose commands are large.
func TestTheAgesOfLanesComeOverASlowLink(t *testing.T) {
	t.Parallel()
	url := testenv.Embedded(t)
	rdb := testenv.Client(t, url)
	const lanes = 64
	pipe := rdb.Pipeline()
	pipe.Set(t.Context(), "partitions", lanes, 0)
	for p := range lanes - 1 {
		pipe.XAdd(t.Context(), &redis.XAddArgs{Stream: fmt.Sprintf("cmd:{p%d}", p), ID: "1-1", Values: []any{"payload", strings.Repeat("x", bytesOfEntry)}})
	}
	if _, err := pipe.Exec(t.Context()); err != nil {
		t.Fatal(err)
	}
	i := inspectOverSlowLinks(t, url)
	all, err := i.Partitions(t.Context())
	if err != nil || len(all) != lanes {
		t.Fatalf("%d lanes: %v", len(all), err)
	}
	for _, s := range all {
		if behind := s.Partition < lanes-1; behind != (s.OldestMS > time.Hour.Milliseconds()) {
			t.Errorf("lane %d is behind by %d ms", s.Partition, s.OldestMS)
		}
	}
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
	testenv.WaitFor(t, 20*time.Second, "the backlog", func() bool { return backlog() == total })
	book := newNotebook()
	worker := startNode(t, url, "w", book, func(c *broker.Config) { c.InFlight = limit })
	testenv.WaitFor(t, 20*time.Second, "as many as may run", func() bool { return book.begun.Load() == limit })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := worker.worker.Drain(ctx); err == nil || err.Error()[:17] != "30 commands still" {
		t.Errorf("in flight: %v", err)
	}
	close(book.block)
}
