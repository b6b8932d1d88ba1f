package broker

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/redis/go-redis/v9"

	"github.com/example/switchyard/internal/testenv"
)

// On a Redis Cluster a relay reads each partition where it is.
func TestEventsTakeABusOnACluster(t *testing.T) {
	t.Parallel()
	cluster, bus := testenv.Cluster(t, "another broker for events, with a Redis Cluster"), &fakeBus{}
	const partitions, each = 6, 40
	newLanes := func(node string) *Lanes {
		cfg := Config{Node: node, Partitions: partitions}
		l, err := NewLanes(cfg, testenv.ClusterClient(t, cluster), testenv.ClusterClient(t, cluster), slog.New(slog.NewTextHandler(t.Output(), nil)))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		return l
	}
	one, two := newLanes("one"), newLanes("two")
	g, heard := startGatewayOn(t, one, bus)
	first, second := NewRelay(one, "fake", bus), NewRelay(two, "fake", bus)
	first.Start()
	for n := 1; n <= each; n++ {
		if n == each/2 {
			first.Close()
			second.Start()
			t.Cleanup(second.Close)
		}
		for p := range partitions {
			addTo(t, one.rdb, p, n, fmt.Sprintf("\"%d/%d\"", p, n))
		}
	}
	for p := range partitions {
		if err := one.rdb.HSet(t.Context(), ownerKey(p), "series", "s", "seq", each).Err(); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := g.CatchUp(ctx); err != nil {
		t.Error(err)
	}
	heard.mu.Lock()
	defer heard.mu.Unlock()
	next := [partitions]int{}
	for _, text := range heard.heard {
		var p, n int
		if _, err := fmt.Sscanf(text, "\"%d/%d\"", &p, &n); err != nil || n != next[p]+1 {
			t.Errorf("heard %s after %v", text, next)
		}
		next[p] = n
	}
	if len(heard.heard) != partitions*each || len(heard.missed) > 0 {
		t.Errorf("heard %d of %d events, and was told of %v", len(heard.heard), partitions*each, heard.missed)
	}
}

// What the broker repeats is heard once; a relay that dies while the broker is away leaves
// nothing out; what is too large or gets lost on the way is announced.
func TestEventsTakeABus(t *testing.T) {
	t.Parallel()
	url, bus := testenv.Redis(t), &fakeBus{twice: true}
	one, two := relayLanes(t, url, "one"), relayLanes(t, url, "two")
	add(t, one.rdb, 1, `"before"`)
	heard := startHearing(t, one, bus)
	first, second := NewRelay(one, "fake", bus), NewRelay(two, "fake", bus)
	first.Start()
	add(t, one.rdb, 2, `"2"`)
	if err := one.rdb.XAdd(t.Context(), &redis.XAddArgs{Stream: eventStream(0), Values: []any{"what", "malformed"}}).Err(); err != nil {
		t.Fatal(err)
	}
	add(t, one.rdb, 0, `"stranger"`)
	add(t, one.rdb, 3, `"3"`)
	heard.wait(t, `"2"`, `"stranger"`, `"3"`)
	if n := testutil.ToFloat64(one.metrics.Malformed); n != 1 {
		t.Errorf("counted %v as malformed", n)
	}

	bus.set(func() { bus.away = true })
	for n := 4; n <= 6; n++ {
		add(t, one.rdb, n, fmt.Sprintf("%q", fmt.Sprint(n)))
	}
	testenv.WaitFor(t, 20*time.Second, "a failure", func() bool { return testutil.ToFloat64(one.metrics.RelayFailed) > 0 })
	second.Start()
	t.Cleanup(second.Close)
	first.Close()
	late := startHearing(t, two, bus) // after 6
	bus.set(func() { bus.away = false })
	heard.wait(t, `"2"`, `"stranger"`, `"3"`, `"4"`, `"5"`, `"6"`)
	add(t, one.rdb, 7, `"7"`)
	late.wait(t, `"7"`)

	heard.mu.Lock()
	if len(heard.missed) > 0 {
		t.Errorf("announced %v", heard.missed)
	}
	heard.mu.Unlock()
	add(t, one.rdb, 8, `"large"`)
	add(t, one.rdb, 9, `"9"`)
	testenv.WaitFor(t, 20*time.Second, "the gap to be announced", func() bool {
		heard.mu.Lock()
		defer heard.mu.Unlock()
		return slices.Contains(heard.missed, ResyncGap) && slices.Contains(heard.heard, `"9"`)
	})
	if got := strings.Count(strings.Join(heard.heard, " "), `"9"`); got != 1 {
		t.Errorf("heard it %d times", got)
	}
	sent, lost := testutil.ToFloat64(two.metrics.Relayed), testutil.ToFloat64(two.metrics.RelayLost)
	if sent < 5 || lost != 1 { // 4 to 7, and 9
		t.Errorf("counted %v as sent and %v as lost", sent, lost)
	}
}

// What is lost and has nothing after it is announced once the relay is past it.
func TestALossAtTheEndIsAnnounced(t *testing.T) {
	t.Parallel()
	url, bus := testenv.Redis(t), &fakeBus{}
	bus.lose = func(m *message.Message) bool { return string(m.Payload) == `"2"` }
	l := relayLanes(t, url, "one")
	heard := startHearing(t, l, bus)
	r := NewRelay(l, "fake", bus)
	r.Start()
	t.Cleanup(r.Close)
	add(t, l.rdb, 1, `"1"`)
	add(t, l.rdb, 2, `"2"`)
	testenv.WaitFor(t, lateAfter+20*time.Second, "the loss to be announced", func() bool {
		heard.mu.Lock()
		defer heard.mu.Unlock()
		return slices.Contains(heard.missed, ResyncGap)
	})
}

// What is lost after a loss was announced is announced as well, and none twice.
func TestEachLossAtTheEndIsAnnounced(t *testing.T) {
	t.Parallel()
	l := relayLanes(t, testenv.Redis(t), "one")
	g := NewGateway(l)
	g.Through("fake", &fakeBus{})
	g.watch = newWatch(l, &g.turn, func(string) {})
	g.hearing.last, g.hearing.late = []string{"1-0", "1-0"}, make([]lateness, 2)
	now := time.Now()
	for i, step := range []struct {
		relayed, heard string
		after          time.Duration
		losses         float64
	}{
		{"1-0", "1-0", 0, 0},
		{"2-0", "1-0", 0, 0},
		{"3-0", "1-0", lateAfter + 1, 1}, // 3 is told with 2
		{"3-0", "1-0", lateAfter + 1, 1},
		{"4-0", "1-0", 0, 1},
		{"4-0", "1-0", lateAfter + 1, 2},
		{"5-0", "1-0", 0, 2},
		{"5-0", "5-0", lateAfter + 1, 2},
		{"6-0", "5-0", 0, 2},
		{"7-0", "6-0", lateAfter + 1, 2},
		{"7-0", "6-0", lateAfter + 1, 3},
	} {
		now = now.Add(step.after)
		g.hearing.last[0] = step.heard
		g.watch.counters.Store(&counters{relayed: []string{step.relayed, ""}})
		g.lookBehind(now)
		if got := testutil.ToFloat64(l.metrics.Gaps); got != step.losses {
			t.Fatalf("step %d: %v losses announced, want %v", i, got, step.losses)
		}
	}
}

// What came to a lane while the broker was away is sent by the next leader, too, if it is the
// lane's first and older than what a first relay begins with.
func TestTheNextRelayBeginsWhereTheFirstOneDid(t *testing.T) {
	t.Parallel()
	url, bus := testenv.Redis(t), &fakeBus{}
	l := relayLanes(t, url, "one")
	long := time.Now().Add(-10 * time.Minute).UnixMilli()
	if err := l.rdb.HSet(t.Context(), groupKey(relayGroup("fake"), Events), "at begin", fmt.Sprint(long-1000, "-0")).Err(); err != nil {
		t.Fatal(err)
	}
	metadata := encodePairs([]pair{{MetaNamespace, "/town"}, {MetaEvent, "cried"}, {fieldUUID, "a stranger's"}})
	values := []any{fieldUUID, "id", fieldMetadata, metadata, fieldPayload, "1"}
	if err := l.rdb.XAdd(t.Context(), &redis.XAddArgs{Stream: eventStream(0), ID: fmt.Sprint(long, "-0"), Values: values}).Err(); err != nil {
		t.Fatal(err)
	}
	relay := NewRelay(l, "fake", bus)
	relay.Start()
	defer relay.Close()
	testenv.WaitFor(t, 20*time.Second, "the event", func() (sent bool) {
		bus.set(func() { sent = len(bus.sent) == 1 })
		return sent
	})
	other := NewRelay(l, "other", bus)
	other.Start()
	defer other.Close()
	testenv.WaitFor(t, 20*time.Second, "its begin to be kept", func() bool {
		return l.rdb.HGet(t.Context(), groupKey(relayGroup("other"), Events), "at begin").Val() != ""
	})
	m, err := toBus(0, entry{id: "1-0", uuid: "id", metadata: string(metadata), payload: []byte("1")})
	if err != nil || m.Metadata[fieldUUID] != "" { // which the brokers' marshalers do not take
		t.Errorf("%v %v", m, err)
	}
}

// A lane that begins anew may begin with lower ids, when the clock of Redis was set back.
func TestLowerIDsTakeABus(t *testing.T) {
	t.Parallel()
	l, bus := relayLanes(t, testenv.Redis(t), "one"), &fakeBus{}
	values := []any{fieldUUID, "id", fieldMetadata, "", fieldPayload, "", fieldSeq, "s.5"}
	if err := l.rdb.XAdd(t.Context(), &redis.XAddArgs{Stream: eventStream(0), ID: "500-0", Values: values}).Err(); err != nil {
		t.Fatal(err)
	}
	heard := startHearing(t, l, bus)
	var want []string
	for _, e := range []struct {
		id, seq string
		new     bool
	}{
		{"400-0", "r.9", false}, // was there before us, as are
		{"400-1", "", false},
		{"500-0", "s.5", false},
		{"900-0", "s.6", true},
		{"900-1", "", true},
		{"900-0", "s.6", false},
		{"900-1", "", false},
		{"700-0", "u.1 .0", true}, // Redis was emptied
		{"700-1", "", true},
		{"700-0", "u.1 .0", false},
		{"900-0", "s.6", false}, // late, of a relay that was frozen
		{"700-2", "", true},
		{"700-3", "u.2", true},
		{"600-0", "u.3", true}, // the lane alone was deleted
		{"600-1", "", true},
	} {
		payload := fmt.Sprintf("%q", e.id+" "+e.seq)
		metadata := encodePairs([]pair{{MetaNamespace, "/town"}, {MetaEvent, "cried"}})
		m, err := toBus(0, entry{id: e.id, uuid: "id", metadata: string(metadata), payload: []byte(payload), seq: e.seq})
		if err != nil {
			t.Fatal(err)
		}
		if err := bus.Publish("", m); err != nil {
			t.Fatal(err)
		}
		if e.new {
			want = append(want, payload)
		}
	}
	heard.wait(t, want...)
	heard.mu.Lock()
	defer heard.mu.Unlock()
	if !slices.Equal(heard.missed, []string{ResyncEpoch}) {
		t.Errorf("announced %v", heard.missed)
	}
}

// What does not come from a relay harms nobody.
func TestStrangeMessagesOfABusAreSkipped(t *testing.T) {
	t.Parallel()
	l := relayLanes(t, testenv.Redis(t), "one")
	for _, place := range []string{"", "x/1-1", "2/1-1", "-1/1-1", "0/", "0/x", "0"} {
		m := message.NewMessage("id", nil)
		m.Metadata[metaEntry] = place
		if _, _, err := l.fromBus(m); err == nil {
			t.Errorf("%q was taken", place)
		}
	}
}
