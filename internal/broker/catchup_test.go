package broker

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/example/switchyard/internal/testenv"
)

// counted says in Redis that the last event of partition 0 is this one, as a commit does.
func counted(t *testing.T, g *Gateway, n int) {
	t.Helper()
	if err := g.rdb.HSet(t.Context(), ownerKey(0), "series", "s", "seq", n).Err(); err != nil {
		t.Fatal(err)
	}
}

// The sockets of a gateway that others took for dead are sent away after all that came
// until it found out, whatever a read brings that was under way then.
func TestEvictionComesAfterWhatCame(t *testing.T) {
	t.Parallel()
	testenv.OnBoth(t, func(t *testing.T, url string) {
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
			for n := range tailBatch + 1 { // more than a read brings
				add(t, g.rdb, n+1, `"x"`)
			}
			counted(t, g, tailBatch+1)
			g.roster.ended()
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
				counted(t, g, tailBatch+2)
				g.roster.ended() // once more
			}
		}
		if len(evicted) > 0 {
			t.Error("sent away a third time")
		}
	})
}

// A lane that was deleted may begin anew in the same millisecond, with an id that was read.
func TestAnIDThatComesAgain(t *testing.T) {
	t.Parallel()
	testenv.OnBoth(t, func(t *testing.T, url string) {
		g, heard := NewGateway(relayLanes(t, url, "one")), &listener{}
		if err := g.Start(t.Context(), heard.handle, heard.announce); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(g.Close)
		var want []string
		for n, seq := range []string{"s.1 .0", "s.2"} {
			if err := g.rdb.Del(t.Context(), eventStream(0)).Err(); err != nil {
				t.Fatal(err)
			}
			payload := fmt.Sprint(n)
			metadata := encodePairs([]pair{{MetaNamespace, "/town"}, {MetaEvent, "cried"}})
			values := []any{fieldUUID, "id", fieldMetadata, metadata, fieldPayload, payload, fieldSeq, seq}
			if err := g.rdb.XAdd(t.Context(), &redis.XAddArgs{Stream: eventStream(0), ID: "5000-0", Values: values}).Err(); err != nil {
				t.Fatal(err)
			}
			counted(t, g, n+1)
			want = append(want, payload)
			heard.wait(t, want...)
		}
	})
}

// Readers find gaps while somebody else looks at what is owed.
func TestDebtsAreSettledWhileGapsAreFound(t *testing.T) {
	t.Parallel()
	l := relayLanes(t, testenv.Embedded(t), "one")
	w := newWatch(l, new(sync.Mutex), func(string) {})
	reader := newTail(l.rdb, append(l.eventStreams(), l.replyStream(0, l.boot)))
	reader.events = l.cfg.Partitions
	at := func(n int64) *counters {
		return &counters{asked: time.Now(), last: []mark{{"s", n}, {}}, noReplies: make([]bool, 2)}
	}
	var found sync.WaitGroup
	found.Go(func() {
		for n := range int64(50) {
			if err := w.compare(t.Context(), reader, at(n+1)); err != nil {
				t.Error(err)
			}
		}
	})
	paid := 0
	for n := range int64(50) {
		w.owe(func() { paid++ })
		w.know(w.unknown(), at(n+1))
	}
	found.Wait()
	w.turn.Lock()
	defer w.turn.Unlock()
	if w.settle(); paid != 50 {
		t.Errorf("%d of 50 debts are paid", paid)
	}
}

// A debt is paid when each partition's last event has come, or was told to be missed,
// and whatever comes after that.
func TestDebts(t *testing.T) {
	t.Parallel()
	w := newWatch(&Lanes{cfg: Config{Partitions: 3}}, new(sync.Mutex), func(string) {})
	paid := map[string]bool{}
	owe := func(name string, to ...mark) {
		w.owe(func() { paid[name] = true })
		w.know(w.unknown(), &counters{asked: time.Now(), last: to})
	}
	take := func(p int, at, before mark) {
		w.numberings[p].take(at, before)
		w.settle()
	}
	owe("nothing", mark{}, mark{}, mark{})
	owe("one", mark{}, mark{"s", 2}, mark{})
	owe("two", mark{"r", 1}, mark{"s", 1}, mark{})
	owe("lost", mark{}, mark{"s", 4}, mark{"z", 9})
	w.owe(func() { paid["unknown"] = true })
	for i, step := range []struct {
		do   func()
		want string // that is paid by now, and was not before
	}{
		{func() {}, "nothing"},
		{func() { take(1, mark{"s", 1}, mark{}) }, ""},
		{func() { take(1, mark{"s", 2}, mark{}) }, "one"},
		{func() { take(0, mark{"r", 2}, mark{}) }, "two"}, // 1 was missed, as was told
		{func() { take(1, mark{"s", 3}, mark{}) }, ""},
		{func() { w.forgive(0) }, ""},
		{func() { w.forgive(2) }, ""},
		{func() { take(1, mark{"t", 1}, mark{"s", 9}) }, ""}, // its 4 is nowhere
		{func() { w.forgive(-1) }, "lost"},
	} {
		before := len(paid)
		step.do()
		switch {
		case step.want == "" && len(paid) > before:
			t.Errorf("step %d: paid is %v", i, paid)
		case step.want != "" && (i > 0 && len(paid) != before+1 || !paid[step.want]):
			t.Errorf("step %d: paid is %v, want %s", i, paid, step.want)
		}
	}
	if len(w.debts) != 1 {
		t.Errorf("%d debts are left", len(w.debts))
	}
	owe("old", mark{"never", 1}, mark{}, mark{}) // and so is the one that was not known
	for _, d := range w.debts {
		d.since = time.Now().Add(-debtMax - time.Second)
	}
	w.settle()
	if !paid["old"] || !paid["unknown"] {
		t.Errorf("a debt is waited for for ever: paid is %v", paid)
	}
}
