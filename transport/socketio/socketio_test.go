package socketio_test

import (
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"strings"
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
	"github.com/example/switchyard/transport/socketio"
	"github.com/example/switchyard/transport/socketio/sockets"
)

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
