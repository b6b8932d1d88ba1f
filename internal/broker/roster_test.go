package broker

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/example/switchyard/internal/testenv"
)

func TestAStayEndsOnce(t *testing.T) {
	t.Parallel()
	testenv.OnBoth(t, func(t *testing.T, url string) {
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
	testenv.OnBoth(t, func(t *testing.T, url string) {
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
