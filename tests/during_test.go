package tests

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/example/switchyard/internal/testenv"
	"github.com/example/switchyard/transport/socketio/client"
	"github.com/example/switchyard/usecases/chat"
)

// talkers are some of them, two to a room of that name and a number, on all transports.
func talkers(t *testing.T, url, rooms string, n int) []*talker {
	t.Helper()
	ways := [][]string{{client.WebSocket}, {client.WebSocket}, {client.Polling}, {client.Polling, client.WebSocket}}
	var all []*talker
	for i := range n {
		all = append(all, startTalker(t, url, fmt.Sprint("talker", i), fmt.Sprint(rooms, "-", i/2), ways[i%len(ways)]...))
	}
	return all
}

// startTalker connects one.
func startTalker(t *testing.T, url, name, room string, transports ...string) *talker {
	t.Helper()
	k := &talker{name: name, room: room, newest: beginning, seen: map[string]int{}, heard: map[string]bool{}, answers: map[string]int{}}
	ctx := soon(t)
	var err error
	k.client, err = client.Dial(ctx, url, chat.Namespace, client.Auth(map[string]any{"user": name}), client.Transports(transports...),
		client.Handlers(func(c *client.Client) {
			c.OnConnect(func() { k.connected(t.Context(), c) })
			c.OnResync(func(client.Resync) { k.resynced.Add(1); k.catchUp(t.Context(), c) })
			c.OnDisconnect(func(error) { k.mu.Lock(); k.lost = time.Now(); k.mu.Unlock() })
			client.On(c, chat.Posted, k.hear)
		}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.client.Close)
	return k
}

// during has talkers talk, in rooms of their own, while something happens, and judges: what
// was answered is kept once, and everybody has seen all of their room, each message once on
// a connection. A command has its answer, after as many attempts as it takes, within about a
// time.
func during(t *testing.T, url, what string, n int, answered time.Duration, happens func(all []*talker)) {
	t.Helper()
	all := talkers(t, url, what, n)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	stop := make(chan struct{})
	var running sync.WaitGroup
	for _, k := range all {
		running.Go(func() { k.run(ctx, stop) })
	}
	happens(all)
	close(stop)
	running.Wait()
	if ctx.Err() != nil {
		t.Fatalf("%s: commands are not answered", what)
	}
	var acks, back []time.Duration
	answers := map[string]int{}
	for _, k := range all {
		if k.silent || k.said() == 0 {
			t.Errorf("%s: %s had %d answers, and did not talk until the end", what, k.name, k.said())
		}
		k.judge(t, kept(t, url, k.room))
		k.client.Close()
		k.mu.Lock()
		acks, back = append(acks, k.acks...), append(back, k.back...)
		for answer, n := range k.answers {
			answers[answer] += n
		}
		k.mu.Unlock()
	}
	t.Logf("%s: %d clients, %d messages, answers %v; to the answer p50 %s, p99 %s, max %s; back %d times, p50 %s, max %s",
		what, len(all), len(acks), answers, at(acks, 0.5), at(acks, 0.99), at(acks, 1), len(back), at(back, 0.5), at(back, 1))
	if len(back) == 0 {
		t.Errorf("%s: nobody has lost a connection: it proves nothing", what)
	}
	if slowest := at(acks, 1); slowest > answered+2*testenv.Late {
		t.Errorf("%s: a command was answered after %s, and should be within %s", what, slowest, answered)
	}
	if slowest := at(back, 1); slowest > 2*backWithin+2*testenv.Late {
		t.Errorf("%s: a client was back after %s, and should be within %s", what, slowest, backWithin)
	}
}

// at is a quantile.
func at(d []time.Duration, share float64) time.Duration {
	if len(d) == 0 {
		return 0
	}
	slices.Sort(d)
	return d[int(share*float64(len(d)-1))].Round(time.Millisecond)
}

// backWithin is the promise. What is held to is more: image, nodes, clients and the rest of
// the tests share a machine. The exact times are logged.
const backWithin = 3 * time.Second

// goOn waits until everybody has had some more answers.
func goOn(t *testing.T, all []*talker) {
	t.Helper()
	enough := map[*talker]int{}
	for _, k := range all {
		enough[k] = min(k.said()+10, most)
	}
	for _, k := range all {
		testenv.WaitFor(t, time.Minute, k.name+" to go on", func() bool { return k.said() >= enough[k] })
	}
}

func (k *talker) judge(t *testing.T, kept map[string]int) {
	t.Helper()
	wrong := slices.DeleteFunc(slices.Clone(k.acked), func(id string) bool { return kept[id] == 1 })
	if len(wrong) > 0 {
		t.Errorf("%s: acknowledged, and not kept once among the %d messages of the room: %v", k.name, len(kept), wrong)
	}
	defer func() {
		if k.saw() < len(kept) {
			k.explain(t, kept)
		}
	}()
	testenv.WaitFor(t, 20*time.Second, k.name+" to see all of its room", func() bool { return k.saw() >= len(kept) })
	k.mu.Lock()
	defer k.mu.Unlock()
	for id := range kept {
		if k.seen[id] != 1 {
			t.Errorf("%s has seen %s %d times", k.name, id, k.seen[id])
		}
	}
	if len(k.twice) > 0 {
		t.Errorf("%s heard twice: %v", k.name, k.twice)
	}
}

// explain logs what a talker has not seen, and what has happened to it.
func (k *talker) explain(t *testing.T, kept map[string]int) {
	t.Helper()
	k.mu.Lock()
	defer k.mu.Unlock()
	var missing []string
	for id := range kept {
		if k.seen[id] == 0 {
			missing = append(missing, id)
		}
	}
	t.Logf("%s: has not seen %v of %d, %d resyncs, over %s, lost at %s, back after %s, answers %v", k.name, missing, len(kept), k.resynced.Load(), k.client.Transport(), k.lost, k.back, k.answers)
}
