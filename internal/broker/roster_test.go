package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/testenv"
)

// A gatewayAlone is a gateway whose beats and writes the test makes.
type gatewayAlone struct {
	*Gateway
	t   *testing.T
	now time.Time
}

func newGatewayAlone(t *testing.T, url, name string) *gatewayAlone {
	t.Helper()
	l, err := NewLanes(Config{Node: name, Partitions: 4}, testenv.Client(t, url), testenv.Client(t, url), slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	g := &gatewayAlone{Gateway: NewGateway(l), t: t, now: time.Now()}
	g.census.clock = func() time.Time { return g.now }
	g.beat()
	return g
}

func (g *gatewayAlone) beat() {
	g.t.Helper()
	if err := g.census.beat(g.t.Context()); err != nil {
		g.t.Fatal(err)
	}
}

// watch beats for a while, by its own clock.
func (g *gatewayAlone) watch(d time.Duration) {
	g.t.Helper()
	for end := g.now.Add(d); g.now.Before(end); {
		g.now = g.now.Add(time.Second)
		g.beat()
	}
}

func (g *gatewayAlone) write() {
	g.t.Helper()
	for more := true; more; {
		var err error
		if more, err = g.roster.write(context.Background()); err != nil {
			g.t.Fatal(err)
		}
	}
}

// writeUnanswered writes batches whose answers are lost.
func (g *gatewayAlone) writeUnanswered(runs []rosterRun) {
	g.t.Helper()
	for _, r := range runs {
		keys := []string{rosterKey(r.partition, r.life), commandStream(r.partition)}
		if err := rosterScript.Run(g.t.Context(), g.rdb, keys, r.args...).Err(); err != nil {
			g.t.Fatal(err)
		}
	}
}

// bury ends the lives that this gateway takes for dead.
func (g *gatewayAlone) bury() {
	g.t.Helper()
	if err := g.census.buryDead(g.t.Context()); err != nil {
		g.t.Fatal(err)
	}
}

func (g *gatewayAlone) enter(room string) Stay {
	g.t.Helper()
	s, err := g.Enter(&Command{Operation: "test.gone", Key: room, Caller: contract.Caller{UserID: "alice"}, Input: []byte(room + " lost")})
	if err != nil {
		g.t.Fatal(err)
	}
	return s
}

// submitted are the inputs of all commands in the backlogs.
func (g *gatewayAlone) submitted() []string {
	g.t.Helper()
	inputs := []string{}
	for p := range g.cfg.Partitions {
		all, err := g.rdb.XRange(g.t.Context(), commandStream(p), "-", "+").Result()
		if err != nil {
			g.t.Fatal(err)
		}
		for _, m := range all {
			text := func(name string) string { s, _ := m.Values[name].(string); return s }
			c, err := parseCommand(entry{id: m.ID, uuid: text(fieldUUID), metadata: text(fieldMetadata), payload: []byte(text(fieldPayload))})
			if err != nil || c.Caller.UserID != "alice" || c.Operation != "test.gone" || g.partition(c.lane()) != p {
				g.t.Errorf("submitted %+v: %v", c, err)
				continue
			}
			inputs = append(inputs, string(c.Input))
		}
	}
	slices.Sort(inputs)
	return inputs
}

func (g *gatewayAlone) want(inputs ...string) {
	g.t.Helper()
	slices.Sort(inputs)
	if got := g.submitted(); !slices.Equal(got, inputs) {
		g.t.Errorf("submitted %q, want %q", got, inputs)
	}
}

func onBothRedis(t *testing.T, f func(*testing.T, string)) {
	for name, start := range map[string]func(testing.TB) string{"embedded": testenv.Embedded, "redis": testenv.Redis} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f(t, start(t))
		})
	}
}

func TestAStayEndsOnce(t *testing.T) {
	t.Parallel()
	onBothRedis(t, func(t *testing.T, url string) {
		g := newGatewayAlone(t, url, "a")
		one, two, three := g.enter("one"), g.enter("two"), g.enter("three")
		g.write()
		one.End([]byte("one closed"))
		one.End([]byte("again"))
		two.Leave()
		two.End([]byte("two closed"))
		g.enter("four").End([]byte("four closed")) // in one batch
		g.writeUnanswered(g.roster.next())
		g.write()
		g.want("one closed", "four closed")
		three.End([]byte("three closed"))
		g.roster.close()
		g.want("one closed", "four closed", "three closed")
		if left, err := g.rdb.Keys(t.Context(), "roster:*").Result(); err != nil || len(left) > 0 {
			t.Errorf("left behind: %v %v", left, err)
		}
		if n := g.rdb.ZCard(t.Context(), gatewaysKey).Val(); n != 0 {
			t.Errorf("%d gateways are left", n)
		}
	})
}

// More members than one batch, or one page of the dead gateway's roster, can hold.
func TestADeadGatewaysSocketsAreToldOnce(t *testing.T) {
	t.Parallel()
	onBothRedis(t, func(t *testing.T, url string) {
		dead, b, c := newGatewayAlone(t, url, "dead"), newGatewayAlone(t, url, "b"), newGatewayAlone(t, url, "c")
		var want []string
		for i := range 1500 {
			room := fmt.Sprint("room-", i)
			if stay := dead.enter(room); i%10 == 0 {
				stay.Leave()
			} else {
				want = append(want, room+" lost")
			}
		}
		dead.write()
		for range 6 {
			b.watch(time.Second)
			c.watch(time.Second)
		}
		if got := c.census.dead(); len(got) != 0 {
			t.Errorf("c buries %v, and it is b's turn", got)
		}
		lives := b.census.dead()
		if len(lives) != 1 || bootOf(lives[0]) != dead.boot {
			t.Fatalf("dead are %v", lives)
		}
		done := make(chan error, 2)
		for _, g := range []*gatewayAlone{b, c} { // both at once
			go func() {
				err := g.census.bury(context.Background(), lives[0])
				for end := time.Now().Add(20 * time.Second); err != nil && time.Now().Before(end); { // as run does
					err = g.census.bury(context.Background(), lives[0])
				}
				done <- err
			}()
		}
		for range 2 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		b.want(want...)
		b.watch(time.Second)
		if got := b.census.dead(); len(got) != 0 {
			t.Errorf("dead again: %v", got)
		}
	})
}

// A gateway that others took for dead wakes up: its sockets are told of once, and what
// they do from now on is told as well.
func TestAGatewayThatWakesUpHasAnotherLife(t *testing.T) {
	t.Parallel()
	onBothRedis(t, func(t *testing.T, url string) {
		for name, wake := range map[string]func(*gatewayAlone){
			"by its beat":  func(g *gatewayAlone) { g.beat() },
			"by its write": func(g *gatewayAlone) { g.write() },
		} {
			if err := testenv.Client(t, url).FlushDB(t.Context()).Err(); err != nil {
				t.Fatal(err)
			}
			frozen, b := newGatewayAlone(t, url, "frozen"), newGatewayAlone(t, url, "b")
			ended := 0
			frozen.roster.ended = func() { ended++ }
			known := frozen.enter("known")
			twice := frozen.enter("twice")
			frozen.write()
			unknown := frozen.enter("unknown") // to Redis, when it is frozen
			known.End([]byte("known closed"))
			b.watch(6 * time.Second)
			b.bury()
			b.want("known lost", "twice lost")
			anew := frozen.enter("twice") // before it has found out
			twice.Leave()
			wake(frozen)
			if ended != 1 {
				t.Errorf("%s: its sockets were sent away %d times", name, ended)
			}
			unknown.End([]byte("unknown closed"))
			again := frozen.enter("again")
			frozen.beat()
			frozen.write()
			b.want("known lost", "twice lost", "unknown closed")
			again.End([]byte("again closed"))
			anew.End([]byte("twice closed"))
			frozen.write()
			b.want("known lost", "twice lost", "unknown closed", "again closed", "twice closed")
			if ended != 1 {
				t.Errorf("%s: its sockets were sent away %d times", name, ended)
			}
		}
	})
}

// Whoever tells that a dead gateway's sockets are gone cannot do so to the end, and the
// dead one wakes up: it finds out, and the rest is told as well.
func TestAGatewayThatWakesUpHalfBuried(t *testing.T) {
	t.Parallel()
	onBothRedis(t, func(t *testing.T, url string) {
		frozen, b := newGatewayAlone(t, url, "frozen"), newGatewayAlone(t, url, "b")
		ended := 0
		frozen.roster.ended = func() { ended++ }
		var want []string
		for i := range 40 { // some in each partition
			room := fmt.Sprint("room-", i)
			frozen.enter(room)
			want = append(want, room+" lost")
		}
		frozen.write()
		b.watch(6 * time.Second)
		dead := b.census.dead()
		if err := b.rdb.Set(t.Context(), commandStream(2), "not a stream", 0).Err(); err != nil {
			t.Fatal(err)
		}
		if len(dead) != 1 || b.census.bury(t.Context(), dead[0]) == nil {
			t.Fatalf("dead are %v, and all was told", dead)
		}
		if err := b.rdb.Del(t.Context(), commandStream(2)).Err(); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			frozen.beat()
			frozen.write()
		}
		if ended != 1 {
			t.Errorf("its sockets were sent away %d times", ended)
		}
		b.beat()
		b.bury()
		b.want(want...)
		b.watch(6 * time.Second)
		if got, left := b.census.dead(), b.rdb.ZCard(t.Context(), gatewaysKey).Val(); len(got) != 1 || got[0] != frozen.roster.current() || left != 2 {
			t.Errorf("dead are %v, of %d", got, left) // in its next life it does not beat
		}
	})
}

// A gateway is frozen while the answer to a batch is under way: what was applied was
// submitted by others, and what was not belongs to its next life.
func TestABatchThatIsUnsureWhenALifeEnds(t *testing.T) {
	t.Parallel()
	onBothRedis(t, func(t *testing.T, url string) {
		frozen, b := newGatewayAlone(t, url, "frozen"), newGatewayAlone(t, url, "b")
		rooms := [2]string{"room-0", ""} // of two partitions
		for i := 1; rooms[1] == ""; i++ {
			if room := fmt.Sprint("room-", i); frozen.partition(room) != frozen.partition(rooms[0]) {
				rooms[1] = room
			}
		}
		applied, lost := frozen.enter(rooms[0]), frozen.enter(rooms[1])
		frozen.enter(rooms[0]).End([]byte("closed at once"))
		for _, r := range frozen.roster.next() {
			if r.partition == frozen.partition(rooms[0]) {
				frozen.writeUnanswered([]rosterRun{r})
			}
		}
		b.watch(6 * time.Second)
		b.bury()
		b.want(rooms[0]+" lost", "closed at once")
		frozen.beat()
		applied.End([]byte("applied closed"))
		lost.End([]byte("lost closed"))
		frozen.beat()
		frozen.write()
		b.want(rooms[0]+" lost", "closed at once", "lost closed")
	})
}

// Redis was emptied: all that is known is written again, and nobody is sent away.
func TestARosterThatRedisHasForgotten(t *testing.T) {
	t.Parallel()
	onBothRedis(t, func(t *testing.T, url string) {
		g := newGatewayAlone(t, url, "a")
		g.roster.ended = func() { t.Error("its sockets were sent away") }
		one, two := g.enter("one"), g.enter("two")
		g.write()
		two.End([]byte("two closed")) // on its way
		if err := g.rdb.FlushDB(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		g.beat() // finds out
		g.beat()
		g.write()
		g.want("two closed")
		one.End([]byte("one closed"))
		g.write()
		g.want("two closed", "one closed")
	})
}

// Redis was put back by a batch: the next one finds out, and all that is known is written
// again, and nothing twice.
func TestARosterWhoseLastBatchRedisHasForgotten(t *testing.T) {
	t.Parallel()
	onBothRedis(t, func(t *testing.T, url string) {
		g := newGatewayAlone(t, url, "a")
		g.roster.ended = func() { t.Error("its sockets were sent away") }
		one := g.enter("room")
		g.write()
		key := rosterKey(g.partition("room"), g.roster.current())
		kept := g.rdb.HGetAll(t.Context(), key).Val()
		two := g.enter("room")
		g.write()
		if _, err := g.rdb.TxPipelined(t.Context(), func(pipe redis.Pipeliner) error {
			pipe.Del(t.Context(), key)
			return pipe.HSet(t.Context(), key, kept).Err()
		}); err != nil {
			t.Fatal(err)
		}
		g.enter("room").Leave()
		g.write()
		g.beat()
		g.write()
		one.End([]byte("one closed"))
		two.End([]byte("two closed"))
		g.write()
		g.want("one closed", "two closed")
	})
}

// While nobody could beat, nobody has died.
func TestOnlyWhatWasWatchedIsDead(t *testing.T) {
	t.Parallel()
	url := testenv.Embedded(t)
	_, b := newGatewayAlone(t, url, "a"), newGatewayAlone(t, url, "b")
	b.watch(4 * time.Second)
	b.now = b.now.Add(time.Minute) // Redis was away
	b.beat()
	b.watch(4 * time.Second)
	if got := b.census.dead(); len(got) != 0 {
		t.Errorf("dead are %v", got)
	}
	b.watch(2 * time.Second)
	if got := b.census.dead(); len(got) != 1 {
		t.Errorf("dead are %v", got)
	}
}

// A process that stood still has watched nobody meanwhile, wherever in a beat it did.
func TestAGatewayThatStoodStillTakesNobodyForDead(t *testing.T) {
	t.Parallel()
	url := testenv.Embedded(t)
	a, b := newGatewayAlone(t, url, "a"), newGatewayAlone(t, url, "b")
	for still := range 4 { // before a beat is sent, before its answer is seen, after it
		for range 3 {
			a.beat()
			b.watch(time.Second)
		}
		a.beat()
		looks := 0
		b.census.clock = func() time.Time {
			if looks++; looks == still {
				b.now = b.now.Add(time.Minute)
			}
			return b.now
		}
		if still == 0 {
			b.now = b.now.Add(time.Minute)
		}
		for range 4 {
			b.beat()
			if got := b.census.dead(); len(got) != 0 {
				t.Errorf("stood still at %d: dead are %v", still, got)
			}
			b.now = b.now.Add(time.Second)
		}
	}
}

// While Redis is away clients may come and go without end: what is to be told of them
// is bounded, nobody comes in beyond that, and whoever is in may go.
func TestARosterIsBounded(t *testing.T) {
	t.Parallel()
	g := newGatewayAlone(t, testenv.Embedded(t), "a")
	var last Stay
	for range rosterMax {
		last = g.enter("x")
	}
	if _, err := g.Enter(&Command{Operation: "test.gone", Key: "x"}); !errors.Is(err, errRosterFull) {
		t.Errorf("one more: %v", err)
	}
	last.End([]byte("went"))
	g.write()
	g.enter("x")
	if diff := cmp.Diff([]string{"went"}, g.submitted()); diff != "" {
		t.Error(diff)
	}
}
