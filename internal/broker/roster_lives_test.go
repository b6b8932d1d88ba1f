package broker

import (
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/example/switchyard/internal/testenv"
)

// A gateway that others took for dead wakes up: its sockets are told of once, and what
// they do from now on is told as well.
func TestAGatewayThatWakesUpHasAnotherLife(t *testing.T) {
	t.Parallel()
	testenv.OnBoth(t, func(t *testing.T, url string) {
		for name, wake := range map[string]func(*gatewayAlone){
			"by its beat":  func(g *gatewayAlone) { g.beat() },
			"by its write": func(g *gatewayAlone) { g.write(); g.beat() },
		} {
			if err := testenv.Client(t, url).FlushDB(t.Context()).Err(); err != nil {
				t.Fatal(err)
			}
			frozen, b := newGatewayAlone(t, url, "frozen"), newGatewayAlone(t, url, "b")
			ended := 0
			frozen.roster.ended = func() {
				ended++ // whoever comes back is asked for at once: the others are to know that this one lives
				if err := frozen.rdb.ZScore(t.Context(), gatewaysKey, frozen.roster.current()).Err(); err != nil {
					t.Errorf("%s: its next life is not among the gateways: %v", name, err)
				}
			}
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
	testenv.OnBoth(t, func(t *testing.T, url string) {
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
	testenv.OnBoth(t, func(t *testing.T, url string) {
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
	testenv.OnBoth(t, func(t *testing.T, url string) {
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
	testenv.OnBoth(t, func(t *testing.T, url string) {
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
