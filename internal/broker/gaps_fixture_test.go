package broker_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/testenv"
)

// A cut breaks the connections of a client for as long as it is on.
type cut struct{ on atomic.Bool }

var errCut = errors.New("the connection is cut")

// dialer makes connections that can be cut.
func (c *cut) dialer(ctx context.Context, network, addr string) (net.Conn, error) {
	if c.on.Load() {
		return nil, errCut
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, network, addr)
	return &cutConn{conn, c}, err
}

type cutConn struct {
	net.Conn
	cut *cut
}

// Read drops what it brings when the connection was cut meanwhile.
func (c *cutConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.cut.on.Load() {
		return 0, errCut
	}
	return n, err
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
	opts, err := redis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	opts.Dialer = l.dialer
	reads := redis.NewClient(opts)
	t.Cleanup(func() { _ = reads.Close() })
	l.testNode = startNodeOn(t, testenv.Client(t, url), reads, "listener", nil, one)
	return l
}

// deleteLane deletes the events, and the next one is of another millisecond: one of the same
// could have an id that was read, which is what happens when the clock is set back.
func (l *listener) deleteLane() {
	l.t.Helper()
	l.do(l.rdb.Del(l.t.Context(), eventLane))
	testenv.NextMillisecond(l.t, l.rdb)
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
