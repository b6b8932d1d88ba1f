package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/redis/go-redis/v9"

	"github.com/example/switchyard/internal/testenv"
)

// A fakeBus is a broker in memory, which can be away, lose messages and repeat them.
type fakeBus struct {
	mu    sync.Mutex
	away  bool
	lose  func(*message.Message) bool
	twice bool
	sent  []string // payloads that were accepted
	subs  []chan *message.Message
}

func (b *fakeBus) Publish(_ string, messages ...*message.Message) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.away {
		return errors.New("the broker is away")
	}
	for _, m := range messages {
		if string(m.Payload) == `"large"` {
			return fmt.Errorf("%w: by much", ErrTooLarge)
		}
		b.sent = append(b.sent, string(m.Payload))
		if b.lose != nil && b.lose(m) {
			continue
		}
		for range 1 + len(b.sent)%2*btoi(b.twice) {
			for _, s := range b.subs {
				c := message.NewMessage(m.UUID, slices.Clone(m.Payload))
				for k, v := range m.Metadata {
					c.Metadata[k] = v
				}
				s <- c
			}
		}
	}
	return nil
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (b *fakeBus) Ping(context.Context) error { return nil }

func (b *fakeBus) Subscribe(context.Context, string) (<-chan *message.Message, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := make(chan *message.Message, 10_000)
	b.subs = append(b.subs, s)
	return s, nil
}

func (b *fakeBus) set(f func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f()
}

// A listener is what a gateway hands over.
type listener struct {
	mu     sync.Mutex
	heard  []string
	missed []string
}

func (l *listener) handle(e *Event) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.heard = append(l.heard, string(e.Payload))
	return nil
}

func (l *listener) announce(reason string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.missed = append(l.missed, reason)
}

func (l *listener) wait(t *testing.T, want ...string) {
	t.Helper()
	testenv.WaitFor(t, 20*time.Second, fmt.Sprint("the events ", want), func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return len(l.heard) >= len(want)
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	if !slices.Equal(l.heard, want) {
		t.Fatalf("heard %v, want %v", l.heard, want)
	}
}

func relayLanes(t *testing.T, url, node string) *Lanes {
	t.Helper()
	l, err := NewLanes(Config{Node: node, Partitions: 2}, testenv.Client(t, url), testenv.Client(t, url), slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// add appends an event with a number of its own, as a commit does; n 0: a stranger's.
func add(t *testing.T, rdb redis.UniversalClient, n int, payload string) {
	t.Helper()
	addTo(t, rdb, 0, n, payload)
}

func addTo(t *testing.T, rdb redis.UniversalClient, partition, n int, payload string) {
	t.Helper()
	values := []any{fieldUUID, "id " + payload, fieldMetadata, encodePairs([]pair{{MetaNamespace, "/town"}, {MetaEvent, "cried"}}), fieldPayload, payload}
	if n > 0 {
		seq := fmt.Sprint("s.", n)
		if n == 1 {
			seq += " .0"
		}
		values = append(values, fieldSeq, seq)
	}
	if err := rdb.XAdd(t.Context(), &redis.XAddArgs{Stream: eventStream(partition), Values: values}).Err(); err != nil {
		t.Fatal(err)
	}
}

func startHearing(t *testing.T, l *Lanes, b Bus) *listener {
	t.Helper()
	_, heard := startGatewayOn(t, l, b)
	return heard
}

func startGatewayOn(t *testing.T, l *Lanes, b Bus) (*Gateway, *listener) {
	t.Helper()
	g, heard := NewGateway(l), &listener{}
	g.Through("fake", b)
	if err := g.Start(t.Context(), heard.handle, heard.announce); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	return g, heard
}

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
