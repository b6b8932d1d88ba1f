package broker_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/go-cmp/cmp"

	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/internal/testenv"
)

func errorsIs(err, target error) bool { return errors.Is(err, target) }

// The use case of these tests: it notes what it was told and does what it is told.
var ns = contract.Namespace{Name: "/test", Doc: "Tests."}

type noteInput struct {
	Key  string `json:"key"`
	Text string `json:"text"`
	Do   string `json:"do"`
}

type noteOutput struct {
	Text string `json:"text"`
}

var noted = contract.Event[noteOutput]{
	Namespace: ns, Name: "noted", Doc: "Something was noted.",
	To: func(o noteOutput) []contract.Room { return []contract.Room{"notes"} },
}

var note = contract.Command[noteInput, noteOutput]{
	Namespace: ns, Event: "note", Operation: "test.note", Doc: "Note something.",
	Key: func(in noteInput) string { return in.Key }, Raises: []contract.EventSpec{noted.Spec()},
}

type notebook struct {
	mu    sync.Mutex
	texts map[string][]string
	block chan struct{} // what "block" waits for
	begun atomic.Int64
	tries atomic.Int64
}

func newNotebook() *notebook {
	return &notebook{texts: map[string][]string{}, block: make(chan struct{})}
}

func (n *notebook) handle(ctx context.Context, in noteInput) (noteOutput, []contract.Effect, error) {
	n.begun.Add(1)
	out := noteOutput{Text: in.Text}
	effects := []contract.Effect{noted.Of(out)}
	switch in.Do {
	case "fault":
		return out, nil, fmt.Errorf("note: %w", fault.New(fault.Conflict, "it is taken"))
	case "fail":
		return out, nil, errors.New("secret: the disk is full")
	case "panic":
		panic("secret")
	case "transient":
		if n.tries.Add(1) < 3 {
			return out, nil, fault.Transient(errors.New("try again"))
		}
	case "block":
		<-n.block
	case "wait":
		<-ctx.Done()
		return out, nil, ctx.Err()
	case "join":
		effects = append(effects, contract.Join("in"), contract.Leave("out"), contract.JoinUser("u", "r"), contract.Disconnect("s", "bye"))
	case "follow":
		effects = append(effects, contract.Submit(note, noteInput{Key: in.Text, Text: in.Text + " followed"}))
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.texts[in.Key] = append(n.texts[in.Key], in.Text)
	return out, effects, nil
}

func (n *notebook) of(key string) []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.texts[key])
}

// A testNode is both sides of the lanes in one process.
type testNode struct {
	t       *testing.T
	gateway *broker.Gateway
	worker  *broker.Worker
	lanes   *broker.Lanes

	mu     sync.Mutex
	events []*message.Message
}

type option func(*broker.Config)

func startNode(t *testing.T, url, name string, n *notebook, opts ...option) *testNode {
	t.Helper()
	cfg := broker.Config{Node: name}
	for _, o := range opts {
		o(&cfg)
	}
	lanes, err := broker.NewLanes(cfg, testenv.Client(t, url), testenv.Client(t, url), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	node := &testNode{t: t, lanes: lanes, gateway: broker.NewGateway(lanes)}
	if err := node.gateway.Start(t.Context(), node.event); err != nil {
		t.Fatal(err)
	}
	if n != nil {
		node.worker = broker.NewWorker(lanes, broker.NewHandlers(contract.NewCatalog([]contract.Route{note.Handle(n.handle)})))
		if err := node.worker.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(node.close)
	return node
}

func (n *testNode) close() {
	if n.worker != nil {
		n.worker.Close()
	}
	n.gateway.Close()
	if err := n.lanes.Close(); err != nil {
		n.t.Error(err)
	}
}

func (n *testNode) event(m *message.Message) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.events = append(n.events, m)
	return nil
}

func (n *testNode) heard() []*message.Message {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.events)
}

// texts are the payloads of the noted events this node heard.
func (n *testNode) texts() []string {
	var texts []string
	for _, m := range n.heard() {
		var o noteOutput
		if json.Unmarshal(m.Payload, &o) == nil && m.Metadata[broker.MetaEvent] == "noted" {
			texts = append(texts, o.Text)
		}
	}
	return texts
}

func (n *testNode) submit(in noteInput, timeout time.Duration) <-chan broker.Reply {
	body, err := json.Marshal(in)
	if err != nil {
		n.t.Fatal(err)
	}
	replies := make(chan broker.Reply, 2)
	n.gateway.Submit(&broker.Command{
		Operation: "test.note", Key: in.Key, Input: body, Timeout: timeout,
		Caller: contract.Caller{UserID: "alice", Roles: []string{"staff"}, Socket: "socket-1"},
	}, func(r broker.Reply) { replies <- r })
	return replies
}

func (n *testNode) call(in noteInput) broker.Reply {
	n.t.Helper()
	return n.await(n.submit(in, 5*time.Second))
}

func (n *testNode) await(replies <-chan broker.Reply) broker.Reply {
	n.t.Helper()
	select {
	case r := <-replies:
		return r
	case <-time.After(10 * time.Second):
		n.t.Fatal("no reply")
		return broker.Reply{}
	}
}

func TestResultAndEventsReachEveryNode(t *testing.T) {
	t.Parallel()
	on(t, func(t *testing.T, url string) {
		book := newNotebook()
		a, b := startNode(t, url, "a", book), startNode(t, url, "b", nil)
		r := b.call(noteInput{Key: "k", Text: "hello"})
		if r.Code != "" || string(r.Body) != `{"text":"hello"}` {
			t.Fatalf("reply %s %s", r.Code, r.Body)
		}
		for _, n := range []*testNode{a, b} {
			testenv.WaitFor(t, 5*time.Second, "the event", func() bool { return len(n.heard()) == 1 })
			m := n.heard()[0]
			if m.Metadata[broker.MetaNamespace] != "/test" || m.Metadata[broker.MetaEvent] != "noted" ||
				m.Metadata[broker.MetaRooms] != `["notes"]` || string(m.Payload) != `{"text":"hello"}` {
				t.Errorf("event %v %s", m.Metadata, m.Payload)
			}
		}
	})
}

func TestEffectsOfAReply(t *testing.T) {
	t.Parallel()
	on(t, func(t *testing.T, url string) {
		n := startNode(t, url, "a", newNotebook())
		r := n.call(noteInput{Key: "k", Do: "join"})
		if diff := cmp.Diff([]contract.Room{"in"}, r.Join); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]contract.Room{"out"}, r.Leave); diff != "" {
			t.Error(diff)
		}
		testenv.WaitFor(t, 5*time.Second, "the requests to the nodes", func() bool { return len(n.heard()) == 3 })
		for i, want := range []map[string]string{
			{},
			{broker.MetaAction: "join", broker.MetaUsers: `["u"]`, broker.MetaRooms: `["r"]`},
			{broker.MetaAction: "disconnect", broker.MetaSockets: `["s"]`, broker.MetaReason: "bye"},
		} {
			for k, v := range want {
				if got := n.heard()[i].Metadata[k]; got != v {
					t.Errorf("message %d: %s is %q, want %q", i, k, got, v)
				}
			}
		}
	})
}

func TestFailuresAreAnswers(t *testing.T) {
	t.Parallel()
	on(t, func(t *testing.T, url string) {
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
	on(t, func(t *testing.T, url string) {
		book := newNotebook()
		a, b := startNode(t, url, "a", book), startNode(t, url, "b", book)
		blocked := a.submit(noteInput{Key: "blocked", Do: "block"}, 20*time.Second)
		const keys, each = 20, 50
		var want []string
		replies := make([]<-chan broker.Reply, 0, keys*each)
		for i := range each {
			want = append(want, fmt.Sprint(i))
			for k := range keys {
				node := a // one key is always sent by one node, so its order is known
				if k%2 == 1 {
					node = b
				}
				replies = append(replies, node.submit(noteInput{Key: fmt.Sprint("key", k), Text: fmt.Sprint(i)}, 20*time.Second))
			}
		}
		for _, r := range replies {
			if got := a.await(r); got.Code != "" {
				t.Fatalf("%s %s", got.Code, got.Body)
			}
		}
		for k := range keys {
			if diff := cmp.Diff(want, book.of(fmt.Sprint("key", k))); diff != "" {
				t.Errorf("key %d: %s", k, diff)
			}
		}
		close(book.block)
		if r := a.await(blocked); r.Code != "" {
			t.Errorf("blocked: %s", r.Body)
		}
		for _, n := range []*testNode{a, b} {
			testenv.WaitFor(t, 10*time.Second, "all events", func() bool { return len(n.heard()) == keys*each+1 })
		}
	})
}

func TestTimeoutWithoutAWorkerAndLateReply(t *testing.T) {
	t.Parallel()
	on(t, func(t *testing.T, url string) {
		gateway := startNode(t, url, "a", nil)
		begin := time.Now()
		r := gateway.await(gateway.submit(noteInput{Key: "k", Text: "expired"}, 200*time.Millisecond))
		if took := time.Since(begin); r.Code != fault.Timeout || took > 400*time.Millisecond {
			t.Errorf("%s after %s", r.Code, took)
		}
		time.Sleep(time.Until(begin.Add(250 * time.Millisecond))) // the deadline is past for the worker as well
		book := newNotebook()
		startNode(t, url, "b", book)
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
	on(t, func(t *testing.T, url string) {
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
