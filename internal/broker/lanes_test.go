package broker_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill-redisstream/pkg/redisstream"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/internal/testenv"
)

func TestResultAndEventsReachEveryNode(t *testing.T) {
	t.Parallel()
	testenv.OnBoth(t, func(t *testing.T, url string) {
		book := newNotebook()
		a, b := startNode(t, url, "a", book), startNode(t, url, "b", nil)
		r := b.call(noteInput{Key: "k", Text: "hello"})
		if r.Code != "" || string(r.Body) != `{"text":"hello"}` {
			t.Fatalf("reply %s %s", r.Code, r.Body)
		}
		for _, n := range []*testNode{a, b} {
			testenv.WaitFor(t, 20*time.Second, "the event", func() bool { return len(n.heard()) == 1 })
			e := n.heard()[0]
			if e.Namespace != "/test" || e.Name != "noted" || e.Rooms != `["notes"]` || string(e.Payload) != `{"text":"hello"}` {
				t.Errorf("event %+v", e)
			}
		}
	})
}

func TestEffectsOfAReply(t *testing.T) {
	t.Parallel()
	testenv.OnBoth(t, func(t *testing.T, url string) {
		n := startNode(t, url, "a", newNotebook())
		r := n.call(noteInput{Key: "k", Do: "join"})
		if diff := cmp.Diff([]contract.Room{"in"}, r.Join); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]contract.Room{"out"}, r.Leave); diff != "" {
			t.Error(diff)
		}
		testenv.WaitFor(t, 20*time.Second, "the requests to the nodes", func() bool { return len(n.heard()) == 3 })
		requests := n.heard()[1:]
		want := []broker.Event{
			{ID: requests[0].ID, Namespace: "/test", Action: "join", Users: `["u"]`, Rooms: `["r"]`, Payload: []byte{}},
			{ID: requests[1].ID, Namespace: "/test", Action: "disconnect", Sockets: `["s"]`, Reason: "bye", Payload: []byte{}},
		}
		if diff := cmp.Diff(want, requests); diff != "" {
			t.Error(diff)
		}
	})
}

func TestFailuresAreAnswers(t *testing.T) {
	t.Parallel()
	testenv.OnBoth(t, func(t *testing.T, url string) {
		n := startNode(t, url, "a", newNotebook())
		for do, want := range map[string]struct {
			code fault.Code
			text string
		}{
			"fault": {fault.Conflict, "it is taken"}, "fail": {fault.Internal, "something went wrong"}, "panic": {fault.Internal, "something went wrong"},
		} {
			r := n.call(noteInput{Key: "k", Do: do})
			if r.Code != want.code || !strings.Contains(string(r.Body), want.text) || strings.Contains(string(r.Body), "secret") {
				t.Errorf("%s: %s %s", do, r.Code, r.Body)
			}
		}
		if r := n.call(noteInput{Key: "k", Do: "transient"}); r.Code != "" {
			t.Errorf("transient: %s %s", r.Code, r.Body)
		}
		if got := n.texts(); len(got) > 1 {
			t.Errorf("events of failed commands: %v", got)
		}
		replies := n.submit(noteInput{Key: "k", Do: "wait"}, 300*time.Millisecond)
		if r := n.await(replies); r.Code != fault.Timeout {
			t.Errorf("a handler that waits for ever: %s %s", r.Code, r.Body)
		}
	})
}

func TestKeysAreOrderedAndParallel(t *testing.T) {
	t.Parallel()
	testenv.OnBoth(t, func(t *testing.T, url string) {
		book := newNotebook()
		a, b := startNode(t, url, "a", book), startNode(t, url, "b", book)
		blocked := a.submit(noteInput{Key: "blocked", Do: "block"}, 20*time.Second)
		const keys, each = 20, 25
		var want [keys][]string
		replies := make([]<-chan broker.Reply, 0, keys*each)
		for i := range each {
			for k := range keys {
				text := fmt.Sprint(k, "/", i)
				want[k] = append(want[k], text)
				node := a // one key is always sent by one node, so its order is known
				if k%2 == 1 {
					node = b
				}
				replies = append(replies, node.submit(noteInput{Key: fmt.Sprint("key", k), Text: text}, 20*time.Second))
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
		close(book.block)
		if r := a.await(blocked); r.Code != "" {
			t.Errorf("blocked: %s", r.Body)
		}
		for _, n := range []*testNode{a, b} {
			testenv.WaitFor(t, 10*time.Second, "all events", func() bool { return len(n.heard()) == keys*each+1 })
			var heard [keys][]string
			for _, text := range n.texts() {
				var k int
				if _, err := fmt.Sscanf(text, "%d/", &k); err == nil {
					heard[k] = append(heard[k], text)
				}
			}
			if diff := cmp.Diff(want, heard); diff != "" {
				t.Errorf("events by key: %s", diff)
			}
		}
	})
}

func TestTimeoutWithoutAWorkerAndLateReply(t *testing.T) {
	t.Parallel()
	testenv.OnBoth(t, func(t *testing.T, url string) {
		one := func(c *broker.Config) { c.Partitions = 1 }
		late := message.NewMessage("late", []byte(`{"key":"k","text":"expired"}`))
		late.Metadata = message.Metadata{"operation": "test.note", "key": "k", "timeout_ms": "200"}
		values, err := redisstream.DefaultMarshallerUnmarshaller{}.Marshal("", late)
		if err != nil {
			t.Fatal(err)
		}
		// The id of an entry says when it was accepted: in 1970.
		if err := testenv.Client(t, url).XAdd(t.Context(), &redis.XAddArgs{Stream: "cmd:{p0}", ID: "1-1", Values: values}).Err(); err != nil {
			t.Fatal(err)
		}
		gateway := startNode(t, url, "a", nil, one)
		begin := time.Now()
		r := gateway.await(gateway.submit(noteInput{Key: "other"}, 200*time.Millisecond))
		if took := time.Since(begin); r.Code != fault.Timeout || took > testenv.Late {
			t.Errorf("%s after %s", r.Code, took)
		}
		book := newNotebook()
		startNode(t, url, "b", book, one)
		if r := gateway.call(noteInput{Key: "k", Text: "fresh"}); r.Code != "" {
			t.Fatalf("%s", r.Body)
		}
		if diff := cmp.Diff([]string{"fresh"}, book.of("k")); diff != "" {
			t.Errorf("an expired command ran: %s", diff)
		}
		replies := gateway.submit(noteInput{Key: "k2", Do: "block"}, 300*time.Millisecond)
		if r := gateway.await(replies); r.Code != fault.Timeout || r.Late {
			t.Errorf("%+v", r)
		}
		close(book.block)
		if r := gateway.await(replies); !r.Late {
			t.Errorf("the late reply: %+v", r)
		}
	})
}

func TestFollowUpCommandsRunOnceInTheirOwnPartition(t *testing.T) {
	t.Parallel()
	testenv.OnBoth(t, func(t *testing.T, url string) {
		book := newNotebook()
		n := startNode(t, url, "a", book)
		const total = 40
		for i := range total {
			if r := n.call(noteInput{Key: "start", Text: fmt.Sprint("k", i), Do: "follow"}); r.Code != "" {
				t.Fatal(string(r.Body))
			}
		}
		testenv.WaitFor(t, 10*time.Second, "all follow-ups", func() bool { return len(n.texts()) == 2*total })
		for i := range total {
			key := fmt.Sprint("k", i)
			if diff := cmp.Diff([]string{key + " followed"}, book.of(key)); diff != "" {
				t.Errorf("%s: %s", key, diff)
			}
		}
	})
}

func TestNodesAgreeOnThePartitions(t *testing.T) {
	t.Parallel()
	url := testenv.Embedded(t)
	startNode(t, url, "a", nil)
	lanes, err := broker.NewLanes(broker.Config{Node: "b", Partitions: 4}, testenv.Client(t, url), testenv.Client(t, url), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer lanes.Close()
	g, w := broker.NewGateway(lanes), broker.NewWorker(lanes, broker.NewHandlers(contract.NewCatalog(nil)))
	for what, err := range map[string]error{"gateway": g.Start(t.Context(), nil, nil), "worker": w.Start(t.Context())} {
		if err == nil || !strings.Contains(err.Error(), "PARTITIONS is 4 here and 16 in Redis") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestADrainHandsOverWhatIsIdle(t *testing.T) {
	t.Parallel()
	testenv.OnBoth(t, func(t *testing.T, url string) {
		mine, theirs := newNotebook(), newNotebook()
		a := startNode(t, url, "a", mine)
		running := a.submit(noteInput{Key: "k", Text: "running", Do: "block"}, 20*time.Second)
		testenv.WaitFor(t, 20*time.Second, "the handler", func() bool { return mine.begun.Load() == 1 })
		behind := a.submit(noteInput{Key: "k", Text: "behind"}, 20*time.Second)
		startNode(t, url, "b", theirs)
		drained := make(chan error)
		go func() { drained <- a.worker.Drain(t.Context()) }()
		rdb := testenv.Client(t, url)
		testenv.WaitFor(t, 10*time.Second, "the idle partitions to change hands", func() bool {
			n := 0
			for p := range 16 {
				if strings.HasPrefix(rdb.HGet(t.Context(), fmt.Sprintf("own:{p%d}", p), "boot").Val(), "b.") {
					n++
				}
			}
			return n == 15
		})
		close(mine.block)
		if err := <-drained; err != nil {
			t.Error(err)
		}
		for _, r := range []<-chan broker.Reply{running, behind} {
			if got := a.await(r); got.Code != "" {
				t.Errorf("%s %s", got.Code, got.Body)
			}
		}
		got := [][]string{mine.of("k"), theirs.of("k")}
		if diff := cmp.Diff([][]string{{"running"}, {"behind"}}, got); diff != "" {
			t.Error(diff)
		}
	})
}
