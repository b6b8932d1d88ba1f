package broker

import (
	"testing"
	"time"

	"github.com/example/switchyard/internal/testenv"
)

// The sockets of a gateway that others took for dead are sent away after all that came
// until it found out, whatever a read brings that was under way then.
func TestEvictionComesAfterWhatCame(t *testing.T) {
	t.Parallel()
	onBothRedis(t, func(t *testing.T, url string) {
		g, heard, evicted := NewGateway(relayLanes(t, url, "one")), &listener{}, make(chan int, 3)
		g.Evicted(func() {
			heard.mu.Lock()
			defer heard.mu.Unlock()
			evicted <- len(heard.heard)
		})
		late := func() {}
		g.Around(func() { late() }, func() {})
		late = func() { // the first read has ended, and found nothing of this
			late = func() {}
			g.roster.ended()
			for n := range tailBatch + 1 { // more than a read brings
				add(t, g.rdb, n+1, `"x"`)
			}
		}
		if err := g.Start(t.Context(), heard.handle, heard.announce); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(g.Close)
		for _, ends := range []int{1, 2} {
			testenv.WaitFor(t, 20*time.Second, "the sockets to be sent away", func() bool { return len(evicted) > 0 })
			if got, want := <-evicted, tailBatch+ends; got != want {
				t.Errorf("sent away after %d events, want %d", got, want)
			}
			if ends == 1 {
				add(t, g.rdb, tailBatch+2, `"y"`)
				g.roster.ended() // once more
			}
		}
		if len(evicted) > 0 {
			t.Error("sent away a third time")
		}
	})
}

// Where several readers read, the last one to be at the end counts.
func TestEvictionWaitsForEachReader(t *testing.T) {
	t.Parallel()
	a, b, n := &tail{}, &tail{}, 0
	e := &eviction{readers: []*tail{a, b}, evict: func() { n++ }}
	for i, step := range []struct {
		t    *tail
		ends int64
		more bool
		want int
	}{
		{a, 0, false, 0}, {b, 0, false, 0},
		{a, 1, false, 0}, {b, 0, false, 0}, {a, 1, false, 0}, {b, 1, true, 0}, {b, 1, false, 1}, {a, 1, false, 1},
		{b, 2, false, 1}, {b, 3, false, 1}, {a, 2, false, 2}, {b, 3, false, 2}, {a, 3, false, 3},
	} {
		step.t.more = step.more
		e.read(step.t, step.ends)
		if n != step.want {
			t.Errorf("step %d: sent away %d times, want %d", i, n, step.want)
		}
	}
}
