package broker_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/internal/testenv"
)

func startNodeOnCluster(t *testing.T, c *testenv.RedisCluster, name string, n *notebook, opts ...option) *testNode {
	t.Helper()
	return startNodeOn(t, testenv.ClusterClient(t, c), testenv.ClusterClient(t, c), name, n, opts...)
}

// Everything that the lanes do on one Redis they do on a Cluster whose nodes have five
// partitions each.
func TestOnACluster(t *testing.T) {
	t.Parallel()
	cluster := testenv.Cluster(t, "lanes on a Redis Cluster")
	book := newNotebook()
	a := startNodeOnCluster(t, cluster, "a", book, kept)
	b := startNodeOnCluster(t, cluster, "b", book, kept)

	const keys, each = 40, 10
	var want [keys][]string
	var replies []<-chan broker.Reply
	for i := range each {
		for k := range keys {
			text := fmt.Sprint(k, "/", i)
			want[k] = append(want[k], text)
			replies = append(replies, []*testNode{a, b}[k%2].submit(noteInput{Key: fmt.Sprint("key", k), Text: text, Do: "keep"}, 20*time.Second))
		}
	}
	for _, r := range replies {
		if got := a.await(r); got.Code != "" {
			t.Fatalf("%s %s", got.Code, got.Body)
		}
	}
	for k := range keys {
		if diff := cmp.Diff(want[k], book.of(fmt.Sprint("key", k))); diff != "" {
			t.Errorf("key %d: %s", k, diff)
		}
	}
	for _, n := range []*testNode{a, b} {
		testenv.WaitFor(t, 20*time.Second, "all events", func() bool { return len(n.texts()) >= keys*each })
		if diff := cmp.Diff(want, byKey[[keys][]string](n.texts(), func(all *[keys][]string, k int, text string) { all[k] = append(all[k], text) })); diff != "" {
			t.Errorf("events by key: %s", diff)
		}
	}
	if all, err := remembered.Before(t.Context(), broker.NewHistory(b.lanes, testenv.ClusterClient(t, cluster)), "key3", "", 100); err != nil || len(all) != each {
		t.Errorf("%d of %d are kept: %v", len(all), each, err)
	}

	t.Run("rooms", func(t *testing.T) {
		if r := a.call(noteInput{Key: "k", Do: "join"}); len(r.Join) != 1 || len(r.Leave) != 1 {
			t.Errorf("%+v", r)
		}
	})
	t.Run("follow-ups", func(t *testing.T) {
		for i := range 20 {
			if r := b.call(noteInput{Key: "start", Text: fmt.Sprint("next", i), Do: "follow"}); r.Code != "" {
				t.Fatal(string(r.Body))
			}
		}
		for i := range 20 {
			key := fmt.Sprint("next", i)
			testenv.WaitFor(t, 10*time.Second, "the follow-up", func() bool { return len(book.of(key)) > 0 })
			if diff := cmp.Diff([]string{key + " followed"}, book.of(key)); diff != "" {
				t.Errorf("%s: %s", key, diff)
			}
		}
	})
	t.Run("dead letters", func(t *testing.T) {
		if r := a.call(noteInput{Key: "dead", Do: "fail"}); r.Code != fault.Internal {
			t.Errorf("%s", r.Code)
		}
		i, err := broker.Inspect(t.Context(), testenv.ClusterClient(t, cluster))
		if err != nil {
			t.Fatal(err)
		}
		var dead []broker.DeadLetter
		err = i.EachDeadLetter(t.Context(), func(d broker.DeadLetter) error { dead = append(dead, d); return nil })
		if err != nil || len(dead) != 1 {
			t.Fatalf("%d dead letters, %v", len(dead), err)
		}
		before := book.begun.Load()
		if err := i.Replay(t.Context(), dead[0]); err != nil {
			t.Error(err)
		}
		testenv.WaitFor(t, 10*time.Second, "it to run again", func() bool { return book.begun.Load() > before })
		parts, err := i.Partitions(t.Context())
		workers, err2 := i.Workers(t.Context())
		if err != nil || err2 != nil || len(parts) != 16 || len(workers) != 2 {
			t.Errorf("%d partitions, %d workers: %v, %v", len(parts), len(workers), err, err2)
		}
	})
	t.Run("copies", func(t *testing.T) {
		for k := range 20 {
			in := noteInput{Key: fmt.Sprint("once", k), Text: "once"}
			copies := []<-chan broker.Reply{a.try("alice", in.Key, in), b.try("alice", in.Key, in), a.try("alice", in.Key, in)}
			for _, r := range append(copies, b.try("alice", in.Key, in)) {
				if got := a.await(r); got.Code != "" {
					t.Errorf("%s %s", got.Code, got.Body)
				}
			}
			if diff := cmp.Diff([]string{"once"}, book.of(in.Key)); diff != "" {
				t.Errorf("%s: %s", in.Key, diff)
			}
		}
	})
	t.Run("subscribers", func(t *testing.T) { subscribeOnACluster(t, cluster, a) })
	t.Run("nothing was missed", func(t *testing.T) {
		if got := append(a.announced(), b.announced()...); len(got) > 0 {
			t.Errorf("announced: %v", got)
		}
	})
}

// subscribeOnACluster hears the events of all partitions in three ways.
func subscribeOnACluster(t *testing.T, cluster *testenv.RedisCluster, n *testNode) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var mu sync.Mutex
	heard := map[string]map[string]bool{"every": {}, "group": {}, "tail": {}}
	hear := func(way, text string) {
		mu.Lock()
		defer mu.Unlock()
		heard[way][text] = true
	}
	every, group := n.lanes.Subscriber(), n.lanes.GroupSubscriber("projection")
	defer every.Close()
	defer group.Close()
	for way, s := range map[string]message.Subscriber{"every": every, "group": group} {
		messages, err := s.Subscribe(ctx, broker.Events)
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			for m := range messages {
				hear(way, string(m.Payload))
				m.Ack()
			}
		}()
	}
	i, err := broker.Inspect(ctx, testenv.ClusterClient(t, cluster))
	if err != nil {
		t.Fatal(err)
	}
	tailed := make(chan error, 1)
	go func() {
		tailed <- i.Tail(ctx, "evt", true, func(e broker.LaneEntry) error { hear("tail", e.Payload); return nil })
	}()
	for k := range 32 {
		if r := n.call(noteInput{Key: fmt.Sprint("sub", k), Text: fmt.Sprint("sub", k)}); r.Code != "" {
			t.Fatal(string(r.Body))
		}
	}
	for way := range heard {
		testenv.WaitFor(t, 20*time.Second, "all events by way of "+way, func() bool {
			mu.Lock()
			defer mu.Unlock()
			for k := range 32 {
				if !heard[way][fmt.Sprintf(`{"text":"sub%d"}`, k)] {
					return false
				}
			}
			return true
		})
	}
	cancel()
	if err := <-tailed; err != nil {
		t.Errorf("tail: %v", err)
	}
}

// Nothing was published yet when the node goes that REDIS_URL names: the others are known all
// the same.
func TestAPublisherOutlivesTheNamedNodeOfACluster(t *testing.T) {
	t.Parallel()
	cluster := testenv.Cluster(t, "a Redis Cluster whose named node is gone")
	p := broker.NewPublisher(testenv.ClusterClient(t, cluster), slog.New(slog.DiscardHandler))
	topic := "topic"
	for !errors.Is(cluster.Nodes[1].Get(t.Context(), topic).Err(), redis.Nil) { // another node's
		topic += "s"
	}
	cluster.Kill(0)
	if err := errors.Join(p.Publish(topic, message.NewMessage("id", nil)), p.Close()); err != nil {
		t.Error(err)
	}
}

// What a worker that dies has left is done by another one, in the order of each key.
func TestTakeoverOnACluster(t *testing.T) {
	t.Parallel()
	cluster := testenv.Cluster(t, "taking over on a Redis Cluster")
	dies, lives := newNotebook(), newNotebook()
	a := startNodeOnCluster(t, cluster, "a", dies)
	const keys, each = 16, 5
	var replies []<-chan broker.Reply
	want := make([][]string, keys)
	for i := range each {
		for k := range keys {
			text := fmt.Sprint(k, "/", i)
			want[k] = append(want[k], text)
			in := noteInput{Key: fmt.Sprint(k), Text: text}
			if i == 0 {
				in.Do = "block" // and so all others of its key wait
			}
			replies = append(replies, a.submit(in, 30*time.Second))
		}
	}
	testenv.WaitFor(t, 10*time.Second, "the first of each key to run", func() bool { return dies.begun.Load() == keys })
	close(lives.block)
	startNodeOnCluster(t, cluster, "b", lives)
	a.worker.Close() // it gives nothing back: its leases lapse
	close(dies.block)
	for _, r := range replies {
		if got := a.await(r); got.Code != "" {
			t.Fatalf("%s %s", got.Code, got.Body)
		}
	}
	for k := range want {
		if diff := cmp.Diff(want[k], lives.of(fmt.Sprint(k))); diff != "" {
			t.Errorf("key %d: %s", k, diff)
		}
	}
	testenv.WaitFor(t, 10*time.Second, "all events", func() bool { return len(a.texts()) >= keys*each })
	heard := byKey(a.texts(), func(all *[keys][]string, k int, text string) { all[k] = append(all[k], text) })
	if diff := cmp.Diff(want, heard[:]); diff != "" {
		t.Errorf("events by key: %s", diff)
	}
}

// byKey sorts texts "<key>/<number>" by their keys.
func byKey[T any](texts []string, add func(all *T, key int, text string)) (all T) {
	for _, text := range texts {
		var k, i int
		if n, _ := fmt.Sscanf(text, "%d/%d", &k, &i); n == 2 {
			add(&all, k, text)
		}
	}
	return all
}
