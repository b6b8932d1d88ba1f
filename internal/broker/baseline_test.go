package broker

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/example/switchyard/internal/testenv"
)

// Where a group begins takes as many round trips with many lanes as with one: who takes the
// lead far from Redis would not have taken it in time.
func TestABaselineOfManyLanesTakesFewRoundTrips(t *testing.T) {
	t.Parallel()
	const lanes, strangers = 200, 17
	rdb := testenv.Client(t, testenv.Embedded(t))
	m := &member{GroupSubscriber: NewGroupSubscriber("g", rdb, rdb, nil), topic: Events}
	pipe := rdb.Pipeline()
	for p := range lanes {
		m.in = append(m.in, eventStream(p))
		pipe.HSet(t.Context(), ownerKey(p), "series", "s", "seq", 9)
		for range strangers {
			pipe.XAdd(t.Context(), &redis.XAddArgs{Stream: eventStream(p), Values: []any{fieldUUID, "x"}})
		}
		pipe.XAdd(t.Context(), &redis.XAddArgs{Stream: eventStream(p), Values: []any{fieldUUID, "x", fieldSeq, "s.8"}})
	}
	if _, err := pipe.Exec(t.Context()); err != nil {
		t.Fatal(err)
	}
	trips := 0
	rdb.AddHook(testenv.Hook(func(ctx context.Context, cmds []redis.Cmder, next redis.ProcessPipelineHook) error {
		trips++
		return next(ctx, cmds)
	}))
	at := map[string]string{eventStream(0): "1-0"} // an older version's position
	if err := m.baseline(t.Context(), at); err != nil {
		t.Fatal(err)
	}
	if trips != 3 { // the counters, and a script that Redis does not know yet
		t.Errorf("%d round trips", trips)
	}
	for p, stream := range m.in {
		if got, want := at[markKey(stream)], map[bool]string{true: "", false: "s.7"}[p == 0]; got != want {
			t.Fatalf("lane %d begins after %q, want %q", p, got, want)
		}
	}
}

// received counts the bytes that come over a connection.
type received struct {
	net.Conn
	n *atomic.Int64
}

func (r received) Read(b []byte) (int, error) {
	n, err := r.Conn.Read(b)
	r.n.Add(int64(n))
	return n, err
}

// Where a group begins is found without reading the events: many large ones would not
// come in time, and nobody ever led the group.
func TestABaselineReadsNoEvents(t *testing.T) {
	t.Parallel()
	const lanes, each, large = 16, 20, 10_000
	url := testenv.Embedded(t)
	opts, err := redis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	var n atomic.Int64
	opts.Dialer = func(ctx context.Context, network, addr string) (net.Conn, error) {
		var d net.Dialer
		conn, err := d.DialContext(ctx, network, addr)
		return received{conn, &n}, err
	}
	rdb := redis.NewClient(opts)
	t.Cleanup(func() { _ = rdb.Close() })
	m := &member{GroupSubscriber: NewGroupSubscriber("g", rdb, rdb, nil), topic: Events}
	pipe := rdb.Pipeline()
	for p := range lanes {
		m.in = append(m.in, eventStream(p))
		pipe.HSet(t.Context(), ownerKey(p), "series", "s", "seq", each)
		for i := range each {
			values := []any{fieldUUID, "x", fieldPayload, strings.Repeat("x", large), fieldSeq, fmt.Sprintf("s.%d", 5+i)}
			pipe.XAdd(t.Context(), &redis.XAddArgs{Stream: eventStream(p), Values: values})
		}
	}
	if _, err := pipe.Exec(t.Context()); err != nil {
		t.Fatal(err)
	}
	n.Store(0)
	at := map[string]string{}
	if err := m.baseline(t.Context(), at); err != nil {
		t.Fatal(err)
	}
	if got := n.Load(); got > lanes*large {
		t.Errorf("%d bytes were read", got)
	}
	if got := at[markKey(eventStream(3))]; got != "s.4" {
		t.Errorf("the lane begins after %q", got)
	}
}
