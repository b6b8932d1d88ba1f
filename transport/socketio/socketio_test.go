package socketio_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/example/switchyard/internal/auth"
	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/cors"
	"github.com/example/switchyard/internal/emitter"
	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/internal/metrics"
	"github.com/example/switchyard/internal/rawsio"
	"github.com/example/switchyard/internal/schema"
	"github.com/example/switchyard/internal/testenv"
	"github.com/example/switchyard/internal/tracing"
	"github.com/example/switchyard/transport/socketio"
	"github.com/example/switchyard/transport/socketio/sockets"
)

var ns = contract.Namespace{Name: "/board", Doc: "Boards.", OnDisconnect: "board.gone"}

type writeInput struct {
	Board string `json:"board" minLength:"1" maxLength:"8"`
	Line  int    `json:"line,omitempty" minimum:"0"`
	Text  string `json:"text,omitempty" maxLength:"4000"`
}

func routes() []contract.Route {
	write := contract.Command[writeInput, contract.None]{
		Namespace: ns, Event: "write", Operation: "board.write", Doc: "Write.", Timeout: 3 * time.Second,
		Key:            func(in writeInput) string { return "board " + in.Board },
		IdempotencyKey: func(in writeInput) string { return "once" },
		Guards: []contract.Guard[writeInput]{{Name: "no-guests", Allow: func(c contract.Caller, in writeInput) error {
			switch {
			case in.Board == "panic":
				panic("secret")
			case in.Board == "fail":
				return errors.New("secret")
			case strings.HasPrefix(c.UserID, "guest-"):
				return fault.New(fault.Forbidden, "guests may not write")
			}
			return nil
		}}},
	}
	list := contract.Command[contract.None, contract.None]{Namespace: ns, Event: "list", Operation: "board.list", Doc: "List."}
	gone := contract.Command[contract.Departure, contract.None]{
		Namespace: ns, Operation: "board.gone", Doc: "Gone.", Internal: true,
		Key: func(d contract.Departure) string { return "board " + string(d.Room) },
	}
	nothing := func(context.Context, writeInput) (contract.None, []contract.Effect, error) {
		return contract.None{}, nil, nil
	}
	return []contract.Route{
		write.Handle(nothing),
		list.Handle(func(context.Context, contract.None) (contract.None, []contract.Effect, error) {
			return contract.None{}, nil, nil
		}),
		gone.Handle(func(context.Context, contract.Departure) (contract.None, []contract.Effect, error) {
			return contract.None{}, nil, nil
		}),
	}
}

// fakeLanes records commands; the test answers them.
type fakeLanes struct {
	mu   sync.Mutex
	sent []*broker.Command
	told []*broker.Command
	left []string // inputs of the commands of stays that ended without
	done map[*broker.Command]func(broker.Reply)
}

func (l *fakeLanes) Submit(c *broker.Command, done func(broker.Reply)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent = append(l.sent, c)
	if l.done == nil {
		l.done = map[*broker.Command]func(broker.Reply){}
	}
	l.done[c] = done
}

func (l *fakeLanes) Enter(c *broker.Command) (broker.Stay, error) { return &fakeStay{l, c}, nil }

// A fakeStay records its command when it ends with the connection.
type fakeStay struct {
	lanes   *fakeLanes
	command *broker.Command
}

func (s *fakeStay) Leave() {
	s.lanes.mu.Lock()
	defer s.lanes.mu.Unlock()
	s.lanes.left = append(s.lanes.left, string(s.command.Input))
}

func (s *fakeStay) End(input []byte) {
	c := *s.command
	c.Input = input
	s.lanes.mu.Lock()
	defer s.lanes.mu.Unlock()
	s.lanes.told = append(s.lanes.told, &c)
}

// command waits for the nth command and returns it with the function that answers.
func (l *fakeLanes) command(t *testing.T, n int) (*broker.Command, func(broker.Reply)) {
	t.Helper()
	var c *broker.Command
	var done func(broker.Reply)
	testenv.WaitFor(t, 20*time.Second, "a command", func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		if len(l.sent) <= n {
			return false
		}
		c = l.sent[n]
		done = l.done[c]
		return true
	})
	return c, done
}

func (l *fakeLanes) departures(t *testing.T, n int) []*broker.Command {
	t.Helper()
	testenv.WaitFor(t, 20*time.Second, "departures", func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return len(l.told) >= n
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.told
}

func start(t *testing.T) (*socketio.Gateway, *fakeLanes, string) {
	t.Helper()
	return startWith(t, sockets.Config{})
}

func startWith(t *testing.T, cfg sockets.Config) (*socketio.Gateway, *fakeLanes, string) {
	t.Helper()
	c, err := schema.Compile(contract.NewCatalog(routes()))
	if err != nil {
		t.Fatal(err)
	}
	lanes := &fakeLanes{}
	g := socketio.New(c, lanes, auth.New(auth.Config{Mode: auth.None}), cors.Policy{}, cfg, metrics.New(), slog.New(slog.DiscardHandler))
	web := httptest.NewServer(g)
	t.Cleanup(web.Close)
	return g, lanes, web.URL
}

func TestAnEventBecomesACommandAndItsReplyTheAcknowledgement(t *testing.T) {
	t.Parallel()
	_, lanes, url := start(t)
	c := rawsio.Dial(t, url)
	sid := c.Connect("/board", `{"user":"alice","roles":["staff"]}`)
	wait := c.Begin("/board", "write", `{"board":"b1","line":3}`)
	got, answer := lanes.command(t, 0)
	want := &broker.Command{
		Operation: "board.write", Key: "board b1", IdempotencyKey: "once", Timeout: 3 * time.Second,
		Caller: contract.Caller{UserID: "alice", Roles: []string{"staff"}, Socket: sid}, Input: []byte(`{"board":"b1","line":3}`),
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(broker.Command{})); diff != "" {
		t.Error(diff)
	}
	answer(broker.Reply{Body: []byte(`{"any":["output",1]}`)})
	if got := wait(); got != `{"any":["output",1]}` {
		t.Errorf("acknowledged %s", got)
	}
	wait = c.Begin("/board", "list", `{}`)
	_, answer = lanes.command(t, 1)
	answer(broker.Reply{Code: fault.Conflict, Body: []byte(`{"kind":"error"}`)})
	if got := wait(); got != `{"kind":"error"}` {
		t.Errorf("acknowledged %s", got)
	}
	c.Send(`42/board,["list"]`) // no argument is an empty object
	if got, _ := lanes.command(t, 2); string(got.Input) != `{}` {
		t.Errorf("input %s", got.Input)
	}
}

func TestProblemsAtTheEdge(t *testing.T) {
	t.Parallel()
	_, lanes, url := start(t)
	c, guest := rawsio.Dial(t, url), rawsio.Dial(t, url)
	c.Connect("/board", `{"user":"alice"}`)
	guest.Connect("/board", ``)
	for name, tc := range map[string]struct {
		client         *rawsio.Client
		event, payload string
		code           fault.Code
		detail         string
	}{
		"unknown event":  {c, "erase", `{}`, fault.NotFound, "the namespace /board has no such event"},
		"internal event": {c, "gone", `{"room":"x","reason":"y"}`, fault.NotFound, "no such event"},
		"bad input":      {c, "write", `{"board":"","x":1}`, fault.Invalid, `"pointer":"/board"`},
		"two arguments":  {c, "write", `{"board":"b"},{"board":"b"}`, fault.Invalid, "this event came with 2"},
		"guard":          {guest, "write", `{"board":"b"}`, fault.Forbidden, "guests may not write"},
		"broken guard":   {c, "write", `{"board":"fail"}`, fault.Internal, "something went wrong"},
		"guard panics":   {c, "write", `{"board":"panic"}`, fault.Internal, "something went wrong"},
	} {
		check := func(how, got string) {
			t.Helper()
			var p fault.Problem
			if err := json.Unmarshal([]byte(got), &p); err != nil || p.Kind != "error" || p.Code != tc.code {
				t.Errorf("%s, %s: %s", name, how, got)
			}
			if !strings.Contains(got, tc.detail) || strings.Contains(got, "secret") {
				t.Errorf("%s, %s: %s", name, how, got)
			}
		}
		check("acknowledged", tc.client.Call("/board", tc.event, tc.payload))
		tc.client.Emit("/board", tc.event, tc.payload)
		check("as an event", tc.client.Expect("/board", "error"))
	}
	if len(lanes.sent) != 0 {
		t.Errorf("%d commands were sent", len(lanes.sent))
	}
}

func TestAProblemWithoutAcknowledgementIsAnErrorEventAndAResultIsNot(t *testing.T) {
	t.Parallel()
	_, lanes, url := start(t)
	c := rawsio.Dial(t, url)
	c.Connect("/board", `{"user":"alice"}`)
	c.Emit("/board", "list", `{}`)
	_, answer := lanes.command(t, 0)
	answer(broker.Reply{Body: []byte(`{}`)})
	c.Emit("/board", "list", `{}`)
	_, answer = lanes.command(t, 1)
	answer(broker.Reply{Code: fault.Timeout, Body: []byte(`{"code":"timeout"}`)})
	if got := c.Expect("/board", "error"); got != `{"code":"timeout"}` {
		t.Errorf("error %s", got)
	}
	if got := c.Events(); len(got) != 0 {
		t.Errorf("heard %v", got)
	}
}

func TestRoomsOfAReplyComeBeforeItsAnswer(t *testing.T) {
	t.Parallel()
	g, lanes, url := start(t)
	c := rawsio.Dial(t, url)
	c.Connect("/board", `{"user":"alice"}`)
	emit := func(n string) {
		g.Emit(emitter.Emission{Namespace: "/board", Event: "n", Payload: json.RawMessage(n), To: emitter.Audience{Rooms: []string{"b1"}}})
	}
	call := func(n int, r broker.Reply) {
		wait := c.Begin("/board", "list", `{}`)
		_, answer := lanes.command(t, n)
		answer(r)
		if !r.Late {
			wait()
		}
	}
	emit("0")
	call(0, broker.Reply{Body: []byte(`{}`), Join: []contract.Room{"b1"}})
	emit("1")
	call(1, broker.Reply{Body: []byte(`{}`), Leave: []contract.Room{"b1"}})
	emit("2")
	call(2, broker.Reply{Late: true, Body: []byte(`{}`), Join: []contract.Room{"b1"}})
	emit("3")
	if got := c.Expect("/board", "n"); got != "1" {
		t.Errorf("heard %s", got)
	}
	if got := c.Expect("/board", "n"); got != "3" {
		t.Errorf("heard %s: a late reply must still apply its rooms", got)
	}
}

func TestDeparturesOfJoinedAndPendingRooms(t *testing.T) {
	t.Parallel()
	_, lanes, url := start(t)
	c := rawsio.Dial(t, url)
	sid := c.Connect("/board", `{"user":"alice"}`)
	wait := c.Begin("/board", "list", `{}`)
	_, answer := lanes.command(t, 0)
	answer(broker.Reply{Body: []byte(`{}`), Join: []contract.Room{"b1", "b2"}})
	wait()
	c.Begin("/board", "list", `{}`)
	_, answer = lanes.command(t, 1)
	c.Close()
	lanes.departures(t, 2)
	answer(broker.Reply{Body: []byte(`{}`), Join: []contract.Room{"b3"}}) // it has gone meanwhile
	told := lanes.departures(t, 3)
	for i, room := range []string{"b1", "b2", "b3"} {
		got := told[i]
		if got.Operation != "board.gone" || got.Key != "board "+room || got.Caller.Socket != sid || got.Caller.UserID != "alice" ||
			!strings.Contains(string(got.Input), `"room":"`+room+`"`) || !strings.Contains(string(got.Input), `"reason":"`) {
			t.Errorf("departure %d: %+v %s", i, got, got.Input)
		}
	}
}

// A room that was left is forgotten, also when the user was taken out of it.
func TestNoDeparturesOfRoomsThatWereLeft(t *testing.T) {
	t.Parallel()
	g, lanes, url := start(t)
	c := rawsio.Dial(t, url)
	c.Connect("/board", `{"user":"alice"}`)
	g.Move("/board", emitter.Audience{Users: []string{"alice"}}, []string{"b1", "b2", "b3"}, false)
	g.Move("/board", emitter.Audience{Users: []string{"alice"}}, []string{"b2"}, true)
	wait := c.Begin("/board", "list", `{}`)
	_, answer := lanes.command(t, 0)
	answer(broker.Reply{Body: []byte(`{}`), Leave: []contract.Room{"b1"}})
	wait()
	c.Close()
	told := lanes.departures(t, 1)
	if got := string(told[0].Input); len(told) != 1 || !strings.Contains(got, `"room":"b3"`) {
		t.Errorf("%d departures, %s", len(told), got)
	}
	if diff := cmp.Diff([]string{`{"room":"b2","reason":"node lost"}`, `{"room":"b1","reason":"node lost"}`}, lanes.left); diff != "" {
		t.Error(diff)
	}
}

// Who enters a room again is told of by the last time: others may have taken the node for
// dead since the first one, and have told of that.
func TestWhoEntersAgainEntersAnew(t *testing.T) {
	t.Parallel()
	_, lanes, url := start(t)
	c := rawsio.Dial(t, url)
	c.Connect("/board", `{"user":"alice"}`)
	for i := range 2 {
		wait := c.Begin("/board", "list", `{}`)
		_, answer := lanes.command(t, i)
		answer(broker.Reply{Body: []byte(`{}`), Join: []contract.Room{"b1"}, Trace: tracing.Header{Parent: strconv.Itoa(i)}})
		wait()
	}
	c.Close()
	told := lanes.departures(t, 1)
	if len(told) != 1 || told[0].Trace.Parent != "1" || len(lanes.left) != 1 {
		t.Errorf("%d departures, the first of the answer %s; %d stays have ended without", len(told), told[0].Trace.Parent, len(lanes.left))
	}
}

// Connections of which others were told that they are gone are closed; others stay.
func TestEvict(t *testing.T) {
	t.Parallel()
	g, _, url := start(t)
	in, out := rawsio.Dial(t, url), rawsio.Dial(t, url)
	in.Connect("/board", `{"user":"alice"}`)
	out.Connect("/board", `{"user":"bob"}`)
	g.Move("/board", emitter.Audience{Users: []string{"alice"}}, []string{"b1"}, false)
	g.Evict()
	_ = in.Ended()
	testenv.WaitFor(t, 20*time.Second, "the other to be left", func() bool { return g.Connections() == 1 })
	g.Emit(emitter.Emission{Namespace: "/board", Event: "n", Payload: json.RawMessage(`1`), To: emitter.Audience{Everyone: true}})
	out.Expect("/board", "n")
}

func TestTheSink(t *testing.T) {
	t.Parallel()
	g, _, url := start(t)
	one, two, other := rawsio.Dial(t, url), rawsio.Dial(t, url), rawsio.Dial(t, url)
	sid := one.Connect("/board", `{"user":"alice"}`)
	two.Connect("/board", `{"user":"alice"}`)
	other.Connect("/board", `{"user":"room:x"}`) // a user whose name looks like a room's
	emit := func(n string, to emitter.Audience) {
		if _, err := g.Emit(emitter.Emission{Namespace: "/board", Event: "n", Payload: json.RawMessage(n), To: to}); err != nil {
			t.Error(err)
		}
	}
	for _, broken := range []emitter.Emission{{Payload: json.RawMessage(`{`)}, {Payload: json.RawMessage(`[1,2`), Spread: true}, {Payload: json.RawMessage(`1`), Spread: true}} {
		broken.Namespace, broken.Event = "/board", "n"
		if _, err := g.Emit(broken); err != nil {
			t.Errorf("nobody hears %s: %v", broken.Payload, err)
		}
		broken.To.Everyone = true
		if _, err := g.Emit(broken); err == nil {
			t.Errorf("%s was sent", broken.Payload)
		}
	}
	emit("1", emitter.Audience{Users: []string{"alice"}})
	emit("2", emitter.Audience{Sockets: []string{sid}})
	g.Move("/board", emitter.Audience{Users: []string{"alice"}}, []string{"x"}, false)
	emit("3", emitter.Audience{Rooms: []string{"x"}})
	emit("4", emitter.Audience{Rooms: []string{"x"}, Except: []string{sid}})
	g.Move("/board", emitter.Audience{Users: []string{"alice"}}, []string{"x"}, true)
	emit("5", emitter.Audience{Rooms: []string{"x"}})
	emit("6", emitter.Audience{Everyone: true})
	for _, tc := range []struct {
		c    *rawsio.Client
		want string
	}{{one, "1 2 3 6"}, {two, "1 3 4 6"}, {other, "6"}} {
		var got []string
		for len(got) == 0 || got[len(got)-1] != "6" {
			got = append(got, tc.c.Expect("/board", "n"))
		}
		if strings.Join(got, " ") != tc.want {
			t.Errorf("heard %v, want %s", got, tc.want)
		}
	}
	g.Resync("gap")
	for _, c := range []*rawsio.Client{one, two, other} {
		if got := c.Expect("/board", "resync"); got != `{"rooms":[],"reason":"gap"}` {
			t.Errorf("resync %s", got)
		}
	}
	g.Disconnect("/board", emitter.Audience{Sockets: []string{sid}}, "enough")
	one.Disconnected("/board")
}

func TestRefuseAndShutdown(t *testing.T) {
	t.Parallel()
	g, _, url := start(t)
	c := rawsio.Dial(t, url)
	c.Connect("/board", `{"user":"alice"}`)
	g.Refuse()
	if _, err := rawsio.TryDial(t, url); err == nil {
		t.Error("a client could connect")
	}
	if g.Connections() != 1 {
		t.Errorf("%d connections", g.Connections())
	}
	g.Shutdown(t.Context())
	_ = c.Ended()
}

func TestAuthenticationIsRefusedWithAProblem(t *testing.T) {
	t.Parallel()
	c, err := schema.Compile(contract.NewCatalog(routes()))
	if err != nil {
		t.Fatal(err)
	}
	g := socketio.New(c, &fakeLanes{}, auth.New(auth.Config{Mode: auth.JWT, Secret: strings.Repeat("s", 32)}), cors.Policy{}, sockets.Config{}, metrics.New(), slog.New(slog.DiscardHandler))
	web := httptest.NewServer(g)
	defer web.Close()
	client := rawsio.Dial(t, web.URL)
	_, refused := client.TryConnect("/board", `{"user":"alice"}`)
	if !strings.Contains(refused, `"message":"unauthenticated"`) || !strings.Contains(refused, `"data":{"kind":"error"`) {
		t.Errorf("refused with %s", refused)
	}
	client.Close()
}
