package tests

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/trace"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/config"
	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/internal/siotest"
	"github.com/example/switchyard/internal/testenv"
	"github.com/example/switchyard/transport/socketio/client"
)

// A park where stones are skipped, of which all hear who watch.
var (
	park  = contract.Namespace{Name: "/park", Doc: "A park.", OnDisconnect: "park.left"}
	watch = contract.Command[contract.None, contract.None]{Namespace: park, Event: "watch", Operation: "park.watch", Doc: "Watch the pond."}
	skip  = contract.Command[stone, stone]{
		Namespace: park, Event: "skip", Operation: "park.skip", Doc: "Skip a stone.", Key: func(stone) string { return "pond" },
		Raises: []contract.EventSpec{skipped.Spec()}, HTTP: contract.HTTP{Method: http.MethodPost, Path: "/v1/skips"},
	}
	skipped = contract.Event[stone]{Namespace: park, Name: "stone.skipped", Doc: "A stone was skipped.", To: func(stone) []contract.Room { return []contract.Room{"pond"} }}
	sink    = contract.Command[stone, contract.None]{Namespace: park, Operation: "park.sink", Doc: "Sink.", Internal: true, Key: func(stone) string { return "ground" }}
	left    = contract.Command[contract.Departure, contract.None]{Namespace: park, Operation: "park.left", Doc: "Somebody left.", Internal: true}
)

type stone struct {
	Skips int    `json:"skips"`
	Fails string `json:"fails,omitempty"`
}

// pond is what happens in the park; gone hears of who left, and sunk of stones.
type pond struct {
	gone  chan trace.SpanContext
	sunk  chan stone
	tries atomic.Int32 // of stones that fail
}

func (p *pond) routes() []contract.Route {
	return []contract.Route{
		watch.Handle(func(context.Context, contract.None) (contract.None, []contract.Effect, error) {
			return contract.None{}, []contract.Effect{contract.Join("pond")}, nil
		}),
		skip.Handle(p.skip),
		sink.Handle(func(_ context.Context, in stone) (contract.None, []contract.Effect, error) {
			p.sunk <- in
			return contract.None{}, nil, nil
		}),
		left.Handle(func(ctx context.Context, _ contract.Departure) (contract.None, []contract.Effect, error) {
			p.gone <- trace.SpanContextFromContext(ctx)
			return contract.None{}, nil, nil
		}),
	}
}

func (p *pond) skip(ctx context.Context, in stone) (stone, []contract.Effect, error) {
	switch in.Fails {
	case "always":
		return in, nil, fault.New(fault.Conflict, "it has sunk")
	case "once": // and is tried again
		if p.tries.Add(1) == 1 {
			return in, nil, fault.Transient(errors.New("the wind"))
		}
	case "at first": // and is replayed
		if p.tries.Add(1) == 1 {
			return in, nil, errors.New("it has broken")
		}
	}
	trace.SpanFromContext(ctx).AddEvent("splash")
	return in, []contract.Effect{skipped.Of(in), contract.Submit(sink, in)}, nil
}

// inPark starts node1, which only holds sockets, and node2, which runs the commands too.
func inPark(t *testing.T, options ...siotest.Option) (r *otlpReceiver, p *pond, nodes []*siotest.Server) {
	t.Helper()
	r, p = newOTLPReceiver(t), &pond{gone: make(chan trace.SpanContext, 16), sunk: make(chan stone, 16)}
	nodes = siotest.Cluster(t, 2, append([]siotest.Option{siotest.Routes(p.routes()...), siotest.With(func(c *config.Config) {
		c.Tracing.Endpoint, c.Tracing.Service = r.url, "park"
		if c.NodeID == "node1" {
			c.Role = "gateway"
		}
	})}, options...)...)
	return r, p, nodes
}

// The client's command is run on another node, and heard on both: each stage of it is a
// span of one trace.
func TestATraceCrossesTheNodes(t *testing.T) {
	t.Parallel()
	r, p, nodes := inPark(t)
	alice, bob := nodes[0].Client(t, park, siotest.As("alice")), nodes[1].Client(t, park, siotest.As("bob"))
	for _, c := range []*client.Client{alice, bob} {
		siotest.Call(t, c, watch, contract.None{})
	}
	siotest.Call(t, alice, skip, stone{Skips: 3})
	siotest.Expect(t, alice, skipped)
	siotest.Expect(t, bob, skipped)
	bob.Close()
	departed, _ := <-p.gone, <-p.sunk
	nodes[0].Stop() // which sends its spans
	nodes[1].Stop()
	all := r.spans(t)
	handler := one(t, all, "node2", "park.skip")
	var ours []span
	for _, s := range all {
		if s.trace() == handler.trace() {
			ours = append(ours, s)
		}
	}
	name := map[string]string{"": ""}
	for _, s := range ours {
		name[s.id()] = s.String()
	}
	got := map[string]string{}
	for _, s := range ours {
		got[s.String()] = strings.TrimPrefix(s.Kind.String(), "SPAN_KIND_") + " under " + name[s.parent()]
		if s.service != "park" || s.EndTimeUnixNano < s.StartTimeUnixNano || s.Status.GetCode() != tracepb.Status_STATUS_CODE_UNSET {
			t.Errorf("%s is of %s, from %d to %d, %s", s, s.service, s.StartTimeUnixNano, s.EndTimeUnixNano, s.Status)
		}
	}
	want := map[string]string{
		"node1: receive park.skip":     "SERVER under ",
		"node1: publish park.skip":     "PRODUCER under node1: receive park.skip",
		"node2: process park.skip":     "CONSUMER under node1: publish park.skip",
		"node2: park.skip":             "INTERNAL under node2: process park.skip",
		"node2: commit park.skip":      "CLIENT under node2: process park.skip",
		"node1: ack park.skip":         "CONSUMER under node2: process park.skip",
		"node1: deliver stone.skipped": "CONSUMER under node2: process park.skip",
		"node2: deliver stone.skipped": "CONSUMER under node2: process park.skip",
		"node2: process park.sink":     "CONSUMER under node2: process park.skip",
		"node2: park.sink":             "INTERNAL under node2: process park.sink",
		"node2: commit park.sink":      "CLIENT under node2: process park.sink",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s\nthere are\n%s", diff, tellSpans(all))
	}
	if len(handler.Events) != 1 || handler.Events[0].Name != "splash" {
		t.Errorf("the handler has said %v in its span", handler.Events)
	}
	wantAttributes(t, ours)
	if entered := one(t, all, "node2", "receive park.watch"); entered.trace() != departed.TraceID().String() {
		t.Errorf("bob came in %s and left in %s", entered.trace(), departed.TraceID())
	}
}

func wantAttributes(t *testing.T, all []span) {
	t.Helper()
	process := one(t, all, "node2", "process park.skip")
	id := process.attributes["messaging.message.id"]
	for name, want := range map[string]map[string]string{
		"receive park.skip": {"network.protocol.name": "socket.io", "switchyard.name": "park.skip"},
		"publish park.skip": {"messaging.system": "redis", "messaging.operation.type": "send", "messaging.operation.name": "publish", "messaging.message.conversation_id": id},
		"process park.skip": {"messaging.system": "redis", "messaging.operation.type": "process", "messaging.message.id": id},
		"commit park.skip":  {"messaging.operation.type": "settle", "messaging.message.id": id},
		"park.skip":         {"switchyard.attempt": "1", "messaging.message.id": id},
		"ack park.skip":     {"messaging.operation.name": "ack", "messaging.message.id": id},
	} {
		s := one(t, all, "", name)
		for key, value := range want {
			if s.attributes[key] != value {
				t.Errorf("%s: %s is %q, want %q", name, key, s.attributes[key], value)
			}
		}
	}
	for _, name := range []string{"publish park.skip", "process park.skip", "commit park.skip"} {
		if at := one(t, all, "", name).attributes["messaging.destination.name"]; !strings.HasPrefix(at, "cmd:{p") || at != process.attributes["messaging.destination.name"] {
			t.Errorf("%s was in %q", name, at)
		}
	}
	if d := one(t, all, "node1", "deliver stone.skipped").attributes; d["switchyard.sockets"] != "1" || d["switchyard.namespace"] != "/park" {
		t.Errorf("delivered %v", d)
	}
}

// Clients that are traced themselves give their trace: over a socket in its auth object,
// over REST in the header. What is hostile is ignored.
func TestClientsGiveTheirTrace(t *testing.T) {
	t.Parallel()
	r, _, nodes := inPark(t)
	const given, state = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "vendor=1"
	as := func(parent, state any) client.Option {
		return client.Auth(map[string]any{"user": "alice", "traceparent": parent, "tracestate": state})
	}
	siotest.Call(t, nodes[0].Client(t, park, as(given, state)), watch, contract.None{})
	siotest.Call(t, nodes[0].Client(t, park, as(given[:53]+"00", state)), watch, contract.None{}) // which is not sampled
	for _, hostile := range []any{"00-00000000000000000000000000000000-b7ad6b7169203331-01", given + strings.Repeat("x", 5000), strings.Repeat("0", 8000), "\n", 7, []string{given}, map[string]any{"a": given}} {
		siotest.Call(t, nodes[0].Client(t, park, as(hostile, strings.Repeat("x=1,", 1000))), watch, contract.None{})
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, nodes[0].URL+"/v1/skips", strings.NewReader(`{"skips":1}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("traceparent", strings.Replace(given, "-0af", "-1af", 1))
	answer, err := http.DefaultClient.Do(req)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatal(answer, err)
	}
	answer.Body.Close()
	nodes[0].Stop()
	nodes[1].Stop()
	all := r.spans(t)
	roots := map[string]int{}
	for _, s := range all {
		switch s.Name {
		case "receive park.watch":
			roots[s.trace()+" "+s.parent()+" "+s.TraceState]++
		case "process park.watch":
			if s.TraceState != state && s.trace() == given[3:35] {
				t.Errorf("%s has the state %q", s, s.TraceState)
			}
		}
	}
	if len(roots) != 8 || roots["0af7651916cd43dd8448eb211c80319c b7ad6b7169203331 vendor=1"] != 1 {
		t.Errorf("commands of 9 clients, of which one is not sampled, were received in %v", roots)
	}
	if s := one(t, all, "", "receive park.skip"); s.trace()[:4] != "1af7" || s.parent() != "b7ad6b7169203331" || s.attributes["network.protocol.name"] != "http" {
		t.Errorf("over REST: %s", tellSpans([]span{s}))
	}
}

// What fails says so in its span, and what is tried again, replayed or sent on stays in
// its trace.
func TestFailuresKeepTheirTrace(t *testing.T) {
	t.Parallel()
	r, p, nodes := inPark(t)
	alice := nodes[0].Client(t, park, siotest.As("alice"))
	siotest.Refused(t, alice, skip, stone{Fails: "always"}, fault.Conflict)
	siotest.Call(t, alice, skip, stone{Fails: "once"})
	p.tries.Store(0)
	siotest.Refused(t, alice, skip, stone{Fails: "at first"}, fault.Internal)
	replay(t, nodes[0].RedisURL)
	testenv.WaitFor(t, testenv.Late, "the replay", func() bool { return p.tries.Load() == 2 })
	siotest.Call(t, alice, skip, stone{}) // of the same key: the replay is over
	nodes[0].Stop()
	nodes[1].Stop()
	all := r.spans(t)
	problems := map[string][]string{} // of handlers, by trace
	for _, s := range all {
		if s.Name == "park.skip" {
			problems[s.trace()] = append(problems[s.trace()], s.Status.GetMessage()+" "+s.attributes["error.type"]+" "+s.attributes["switchyard.attempt"])
		}
	}
	var got []string
	for _, traced := range problems {
		got = append(got, strings.Join(traced, ", "))
	}
	slices.Sort(got)
	if diff := cmp.Diff([]string{"  1", "conflict conflict 1", "internal internal 1,   1", "internal internal 1,   2"}, got); diff != "" {
		t.Errorf("%s\n%s", diff, tellSpans(all))
	}
	for _, s := range all {
		if slices.Equal(problems[s.trace()], []string{"conflict conflict 1"}) && s.Name == "receive park.skip" && s.Status.GetMessage() != "conflict" {
			t.Errorf("%s: %s", s, s.Status)
		}
	}
}

// replay replays the one dead letter, as yard does.
func replay(t *testing.T, url string) {
	t.Helper()
	i, err := broker.Inspect(t.Context(), testenv.Client(t, url))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	err = i.EachDeadLetter(t.Context(), func(d broker.DeadLetter) error {
		n++
		return i.Replay(t.Context(), d)
	})
	if err != nil || n != 1 {
		t.Fatalf("replayed %d dead letters: %v", n, err)
	}
}
