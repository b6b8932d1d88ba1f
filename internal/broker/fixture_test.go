package broker_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/redis/go-redis/v9"

	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/internal/metrics"
	"github.com/example/switchyard/internal/testenv"
)

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

var remembered = contract.Event[noteOutput]{
	Namespace: ns, Name: "remembered", Doc: "Something was noted, and is kept.",
	To:   func(o noteOutput) []contract.Room { return []contract.Room{"notes"} },
	Keep: 100,
}

var note = contract.Command[noteInput, noteOutput]{
	Namespace: ns, Event: "note", Operation: "test.note", Doc: "Note something.",
	Key: func(in noteInput) string { return in.Key }, Raises: []contract.EventSpec{noted.Spec(), remembered.Spec()},
}

// noteAfter is the same, after all that its key has brought about before is committed.
var noteAfter = func() contract.Command[noteInput, noteOutput] {
	c := note
	c.Event, c.Operation, c.AfterCommit = "note_after", "test.note_after", true
	return c
}()

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
	case "exit":
		runtime.Goexit() // as a failing assertion does
	case "transient":
		if n.tries.Add(1) < 3 {
			return out, nil, fault.Transient(errors.New("try again"))
		}
	case "broken":
		n.tries.Add(1)
		return out, nil, fault.Transient(errors.New("the store is away"))
	case "block":
		<-n.block
	case "wait":
		<-ctx.Done()
		return out, nil, ctx.Err()
	case "join":
		effects = append(effects, contract.Join("in"), contract.Leave("out"), contract.JoinUser("u", "r"), contract.Disconnect("s", "bye"))
	case "keep":
		effects = append(effects, remembered.Of(out))
	case "keep and fail":
		return out, []contract.Effect{remembered.Of(out)}, errors.New("failed")
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
	metrics *metrics.Metrics

	mu      sync.Mutex
	events  []broker.Event
	resyncs []string // their reasons
}

type option func(*broker.Config)

func startNode(t *testing.T, url, name string, n *notebook, opts ...option) *testNode {
	t.Helper()
	return startNodeOn(t, testenv.Client(t, url), testenv.Client(t, url), name, n, opts...)
}

func startNodeOn(t *testing.T, rdb, read redis.UniversalClient, name string, n *notebook, opts ...option) *testNode {
	t.Helper()
	cfg := broker.Config{Node: name, Metrics: metrics.New()}
	for _, o := range opts {
		o(&cfg)
	}
	lanes, err := broker.NewLanes(cfg, rdb, read, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	node := &testNode{t: t, lanes: lanes, metrics: cfg.Metrics, gateway: broker.NewGateway(lanes)}
	if err := node.gateway.Start(t.Context(), node.event, node.missed); err != nil {
		t.Fatal(err)
	}
	if n != nil {
		node.worker = broker.NewWorker(lanes, broker.NewHandlers(contract.NewCatalog([]contract.Route{note.Handle(n.handle), noteAfter.Handle(n.handle)})))
		if err := node.worker.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(node.close)
	return node
}

// total is what a counter has counted.
func total(c metrics.Counter) int { return int(testutil.ToFloat64(c)) }

// waited counts the commands whose time in the stream is told.
func (n *testNode) waited() (commands uint64) {
	n.t.Helper()
	families, err := n.metrics.Gather().Gather()
	if err != nil {
		n.t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == "switchyard_stage_duration_seconds" && m.GetLabel()[0].GetValue() == "stream" {
				commands = m.GetHistogram().GetSampleCount()
			}
		}
	}
	return commands
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

func (n *testNode) event(e *broker.Event) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.events = append(n.events, e.Clone())
	return nil
}

func (n *testNode) missed(reason string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.resyncs = append(n.resyncs, reason)
}

// announced are the reasons why this node was told that it missed events.
func (n *testNode) announced() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.resyncs)
}

func (n *testNode) heard() []broker.Event {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.events)
}

// texts are the payloads of the noted events this node heard.
func (n *testNode) texts() []string {
	var texts []string
	for _, m := range n.heard() {
		var o noteOutput
		if json.Unmarshal(m.Payload, &o) == nil && m.Name == "noted" {
			texts = append(texts, o.Text)
		}
	}
	return texts
}

func (n *testNode) submit(in noteInput, timeout time.Duration) <-chan broker.Reply {
	return n.submitTo(note, in, timeout)
}

func (n *testNode) submitTo(c contract.Command[noteInput, noteOutput], in noteInput, timeout time.Duration) <-chan broker.Reply {
	body, err := json.Marshal(in)
	if err != nil {
		n.t.Fatal(err)
	}
	replies := make(chan broker.Reply, 2)
	n.gateway.Submit(&broker.Command{
		Operation: c.Operation, Key: in.Key, Input: body, Timeout: timeout,
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
