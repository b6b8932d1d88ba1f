package broker_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/fault"
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
	f := startFlows(a, b, 20*time.Second)
	for round := range 2 {
		f.awaitMore(t, 0)
		for p := range 2 {
			steps := 0
			cluster.MoveSlot(t, fmt.Sprintf("cmd:{p%d}", p), func() {
				if steps++; steps <= 3 {
					time.Sleep(time.Duration(round) * 100 * time.Millisecond) // one at once, and one so slow that everything notices
				}
			})
		}
	}
	f.awaitMore(t, 0)
	f.end()
	f.check(t, book, a, b)
}

// Who tails a lane goes on with it where its slot has moved.
func TestASlotMovesWhileALaneIsTailed(t *testing.T) {
	t.Parallel()
	cluster := testenv.Cluster(t, "tailing a lane of a Redis Cluster")
	rdb := testenv.ClusterClient(t, cluster)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	if err := rdb.Set(ctx, "partitions", 1, 0).Err(); err != nil {
		t.Fatal(err)
	}
	i, err := broker.Inspect(ctx, rdb)
	if err != nil {
		t.Fatal(err)
	}
	heard, tailed := make(chan string), make(chan error, 1)
	go func() {
		tailed <- i.Tail(ctx, "evt", true, func(e broker.LaneEntry) error { heard <- e.Payload; return nil })
	}()
	for _, payload := range []string{"before", "after"} {
		if err := rdb.XAdd(ctx, &redis.XAddArgs{Stream: "evt:{p0}", Values: []any{"_watermill_message_uuid", "id", "payload", payload}}).Err(); err != nil {
			t.Fatal(err)
		}
		select {
		case got := <-heard:
			if got != payload {
				t.Errorf("it hears %q in place of %q", got, payload)
			}
		case err := <-tailed:
			t.Fatalf("it ends: %v", err)
		}
		cluster.MoveSlot(t, "evt:{p0}", func() {})
	}
}

// A master of the Cluster may be away for as long as no replica takes its place: what was
// accepted is done when it is back, and nothing was missed.
func TestAMasterIsAwayWhileCommandsFlow(t *testing.T) {
	t.Parallel()
	cluster := testenv.Cluster(t, "a node of a Redis Cluster that restarts")
	book := newNotebook()
	a, b := startNodeOnCluster(t, cluster, "a", book, kept), startNodeOnCluster(t, cluster, "b", book, kept)
	f := startFlows(a, b, 8*time.Second)
	f.mayTimeOut = true
	for node := range cluster.Nodes {
		for k := range flowKeys {
			f.awaitMore(t, k)
		}
		cluster.Kill(node)
		time.Sleep(500 * time.Millisecond) // for everything to fail that wants it
		cluster.Restart(t, node)
	}
	for k := range flowKeys {
		f.awaitMore(t, k)
	}
	f.end()
	f.check(t, book, a, b)
}

const (
	flowKeys  = 8
	flowAhead = 4 // commands of a key that are under way at a time
)

// flows are commands of some keys, numbered, that two nodes send as fast as they are
// answered.
type flows struct {
	stop atomic.Bool
	wg   sync.WaitGroup
	sent [flowKeys]atomic.Int64

	mayTimeOut bool // whether a command may be lost with the node of Redis that it was sent to

	mu      sync.Mutex
	answers [flowKeys][]string // "" or the code of the problem, in the order of the commands
}

func startFlows(a, b *testNode, timeout time.Duration) *flows {
	f := &flows{}
	for k := range flowKeys {
		f.wg.Go(func() {
			key := fmt.Sprint(k)
			var waiting []<-chan broker.Reply
			for i := 1; !f.stop.Load() || len(waiting) > 0; i++ {
				if len(waiting) == flowAhead || f.stop.Load() {
					r := <-waiting[0]
					f.mu.Lock()
					f.answers[k] = append(f.answers[k], string(r.Code))
					f.mu.Unlock()
					waiting = waiting[1:]
					i--
					continue
				}
				c := &broker.Command{
					Operation: "test.note", Key: key, Timeout: timeout, Caller: contract.Caller{UserID: "alice"},
					Input: fmt.Appendf(nil, `{"key":%q,"text":"%s/%d"}`, key, key, i),
				}
				from := a
				if k%2 == 0 { // its record is looked up, and written
					from, c.IdempotencyKey = b, fmt.Sprint(i)
				}
				waiting = append(waiting, from.send(c))
				f.sent[k].Add(1)
			}
		})
	}
	return f
}

// awaitMore waits until more commands of a key were answered.
func (f *flows) awaitMore(t *testing.T, k int) {
	t.Helper()
	before := f.sent[k].Load()
	testenv.WaitFor(t, 30*time.Second, "commands to flow", func() bool { return f.sent[k].Load() > before+2*flowAhead })
}

func (f *flows) end() {
	f.stop.Store(true)
	f.wg.Wait()
}

// check holds what was done and heard to the answers: all of it once, in the order of
// each key. "Unavailable" says that nothing was done.
func (f *flows) check(t *testing.T, book *notebook, nodes ...*testNode) {
	t.Helper()
	var want [flowKeys][]string
	total, refused := 0, 0
	unknown := map[string]bool{}
	for k, answers := range f.answers {
		for i, code := range answers {
			switch fault.Code(code) {
			case "":
				want[k] = append(want[k], fmt.Sprint(k, "/", i+1))
			case fault.Unavailable:
				refused++
			case fault.Timeout:
				unknown[fmt.Sprint(k, "/", i+1)] = true
			default:
				t.Errorf("command %d of key %d: %s", i+1, k, code)
			}
		}
		total += len(want[k])
	}
	t.Logf("%d commands, %d refused, %d unknown", total, refused, len(unknown))
	if len(unknown) > 0 && !f.mayTimeOut {
		t.Errorf("not answered: %v", unknown)
	}
	known := func(texts []string) []string {
		return slices.DeleteFunc(texts, func(text string) bool { return unknown[text] })
	}
	for _, n := range nodes {
		testenv.WaitFor(t, 10*time.Second, "all events", func() bool { return len(known(n.texts())) >= total })
		heard := byKey(known(n.texts()), func(all *[flowKeys][]string, k int, text string) { all[k] = append(all[k], text) })
		if diff := cmp.Diff(want, heard); diff != "" {
			t.Errorf("events by key: %s", diff)
		}
		if got := n.announced(); len(got) > 0 {
			t.Errorf("announced: %v", got)
		}
	}
	for k := range want {
		// After a lapsed lease the next owner runs again what was not committed: then a
		// handler has run twice, and what it has done was committed once, as was heard.
		var ran []string
		again := map[string]bool{}
		for _, text := range known(book.of(fmt.Sprint(k))) {
			if !again[text] {
				ran = append(ran, text)
			}
			again[text] = true
		}
		if diff := cmp.Diff(want[k], ran); diff != "" {
			t.Errorf("commands of key %d: %s", k, diff)
		}
	}
}
