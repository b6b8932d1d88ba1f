package broker_test

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/testenv"
)

// A slot may be moved to another node of the Cluster while its partition works: nothing
// is lost, done twice, out of order or announced as missed.
func TestASlotMovesWhileCommandsFlow(t *testing.T) {
	t.Parallel()
	cluster := testenv.Cluster(t, "moving a slot of a Redis Cluster")
	book := newNotebook()
	two := func(c *broker.Config) { c.Partitions, c.IdempotencyTTL = 2, time.Hour }
	a, b := startNodeOnCluster(t, cluster, "a", book, two), startNodeOnCluster(t, cluster, "b", book, two)
	if r := a.call(noteInput{Key: "0", Text: "the first"}); r.Code != "" {
		t.Fatal(string(r.Body))
	}

	const keys, ahead = 8, 4 // commands of a key that are under way at a time
	var stop atomic.Bool
	var sent [keys]atomic.Int64
	var flows sync.WaitGroup
	for k := range keys {
		flows.Go(func() {
			key := fmt.Sprint(k)
			var waiting []<-chan broker.Reply
			next := func() {
				if r := <-waiting[0]; r.Code != "" {
					t.Errorf("key %s: %s %s", key, r.Code, r.Body)
				}
				waiting = waiting[1:]
			}
			for i := 1; !stop.Load(); i++ {
				in := noteInput{Key: key, Text: fmt.Sprint(key, "/", i)}
				if k%2 == 0 { // its record is looked up, and written
					waiting = append(waiting, a.try("alice", in.Text, in))
				} else {
					waiting = append(waiting, b.submit(in, 20*time.Second))
				}
				sent[k].Add(1)
				for len(waiting) >= ahead {
					next()
				}
			}
			for len(waiting) > 0 {
				next()
			}
		})
	}
	flowing := func() {
		before := sent[0].Load()
		testenv.WaitFor(t, 20*time.Second, "commands to flow", func() bool { return sent[0].Load() > before+20 })
	}
	for round := range 2 {
		flowing()
		for p := range 2 {
			steps := 0
			cluster.MoveSlot(t, fmt.Sprintf("cmd:{p%d}", p), func() {
				if steps++; steps <= 3 {
					time.Sleep(time.Duration(round) * 100 * time.Millisecond) // one at once, and one so slow that everything notices
				}
			})
		}
	}
	flowing()
	stop.Store(true)
	flows.Wait()
	checkFlows(t, book, []*testNode{a, b}, func(k int) int { return int(sent[k].Load()) }, keys)
}

// checkFlows holds what each key's commands have brought about to what was sent.
func checkFlows(t *testing.T, book *notebook, nodes []*testNode, sent func(int) int, keys int) {
	t.Helper()
	want := make([][]string, keys)
	total := 0
	for k := range want {
		for i := range sent(k) {
			want[k] = append(want[k], fmt.Sprint(k, "/", i+1))
		}
		total += len(want[k])
	}
	for k := range want {
		got := slices.DeleteFunc(book.of(fmt.Sprint(k)), func(text string) bool { return text == "the first" })
		if diff := cmp.Diff(want[k], got); diff != "" {
			t.Errorf("commands of key %d: %s", k, diff)
		}
	}
	for _, n := range nodes {
		testenv.WaitFor(t, 10*time.Second, "all events", func() bool { return len(n.texts()) >= total+1 })
		heard := byKey(n.texts(), func(all *[16][]string, k int, text string) { all[k] = append(all[k], text) })
		if diff := cmp.Diff(want, heard[:keys]); diff != "" {
			t.Errorf("events by key: %s", diff)
		}
		if got := n.announced(); len(got) > 0 {
			t.Errorf("announced: %v", got)
		}
	}
}
