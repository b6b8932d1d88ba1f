package broker

import (
	"context"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/example/switchyard/internal/testenv"
)

// pipelines counts the round trips of a client's pipelines.
type pipelines struct {
	redis.Hook
	n int
}

func (p *pipelines) DialHook(next redis.DialHook) redis.DialHook          { return next }
func (p *pipelines) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }
func (p *pipelines) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		p.n++
		return next(ctx, cmds)
	}
}

// Where a group begins takes as many round trips with many lanes as with one: who takes the
// lead far from Redis would not have taken it in time.
func TestABaselineOfManyLanesTakesFewRoundTrips(t *testing.T) {
	t.Parallel()
	const lanes, strangers = 200, strangersPage + 1
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
	trips := &pipelines{}
	rdb.AddHook(trips)
	at := map[string]string{eventStream(0): "1-0"} // an older version's position
	if err := m.baseline(t.Context(), at); err != nil {
		t.Fatal(err)
	}
	if trips.n != 3 { // the counters, and two pages
		t.Errorf("%d round trips", trips.n)
	}
	for p, stream := range m.in {
		if got, want := at[markKey(stream)], map[bool]string{true: "", false: "s.7"}[p == 0]; got != want {
			t.Fatalf("lane %d begins after %q, want %q", p, got, want)
		}
	}
}
