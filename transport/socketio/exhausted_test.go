package socketio_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/internal/rawsio"
	"github.com/example/switchyard/transport/socketio/sockets"
)

func problem(t *testing.T, text string) fault.Problem {
	t.Helper()
	var p fault.Problem
	if err := json.Unmarshal([]byte(text), &p); err != nil || p.Kind != "error" {
		t.Errorf("no problem: %s", text)
	}
	return p
}

func exhausted(detail string, retryAfter int64) fault.Problem {
	return fault.Problem{
		Kind: "error", Type: "about:blank", Title: "Too Many Requests", Status: 429, Code: fault.Exhausted,
		Detail: detail, RetryAfterMS: retryAfter,
	}
}

// Whatever becomes of a command, it makes room for another one, once.
func TestACommandWaitsUntilItIsAnswered(t *testing.T) {
	t.Parallel()
	_, lanes, url := startWith(t, sockets.Config{EventsOpen: 2})
	c := rawsio.Dial(t, url)
	c.Connect("/board", `{"user":"alice"}`)
	for range 5 {
		for _, refused := range []string{`["erase",{}]`, `["write",{"board":""}]`, `["write",{"board":"panic"}]`, `["list",{},{}]`} {
			c.Send("42/board," + refused)
			c.Expect("/board", "error")
		}
	}
	c.Emit("/board", "list", `{}`)
	wait := c.Begin("/board", "list", `{}`)
	want := exhausted("2 commands of this connection wait for an answer already", 100)
	if diff := cmp.Diff(want, problem(t, c.Call("/board", "list", `{}`))); diff != "" {
		t.Error(diff)
	}
	c.Emit("/board", "list", `{}`)
	if diff := cmp.Diff(want, problem(t, c.Expect("/board", "error"))); diff != "" {
		t.Error(diff)
	}
	_, answer := lanes.command(t, 1)
	answer(broker.Reply{Code: fault.Timeout, Body: []byte(`"timeout"`)})
	wait()
	answer(broker.Reply{Late: true}) // makes no room: the timeout has
	wait = c.Begin("/board", "list", `{}`)
	if p := problem(t, c.Call("/board", "list", `{}`)); p.Code != fault.Exhausted {
		t.Errorf("one too many after a late reply: %+v", p)
	}
	_, answer = lanes.command(t, 2)
	answer(broker.Reply{Body: []byte(`{}`)})
	if got := wait(); got != `{}` {
		t.Error(got)
	}
}

func TestTheRateOfAConnection(t *testing.T) {
	t.Parallel()
	_, _, url := startWith(t, sockets.Config{EventRate: 2})
	c := rawsio.Dial(t, url)
	c.Connect("/board", `{"user":"alice"}`)
	for range 4 {
		c.Call("/board", "erase", `{}`)
	}
	begin := time.Now()
	want := exhausted("this connection sends more than 2 commands a second", 500)
	if diff := cmp.Diff(want, problem(t, c.Call("/board", "erase", `{}`))); diff != "" {
		t.Error(diff)
	}
	time.Sleep(time.Duration(want.RetryAfterMS)*time.Millisecond - time.Since(begin)) // which is what is promised
	if p := problem(t, c.Call("/board", "erase", `{}`)); p.Code != fault.NotFound {
		t.Errorf("when a retry can help: %+v", p)
	}
}

// A CONNECT that is one too many costs no use case anything.
func TestTheRateOfConnects(t *testing.T) {
	t.Parallel()
	_, _, url := startWith(t, sockets.Config{EventRate: 1, MaxNamespaces: 1})
	c := rawsio.Dial(t, url)
	refused := ""
	for n := 0; refused == "" && n < 100; n++ { // one is free, and two may come at once
		if _, refused = c.TryConnect("/board", `{"user":"alice"}`); refused == "" {
			c.Send("41/board,")
			c.Forget("/board")
		}
	}
	var got struct {
		Message string
		Data    fault.Problem
	}
	if err := json.Unmarshal([]byte(refused), &got); err != nil || got.Message != string(fault.Exhausted) {
		t.Errorf("refused with %s", refused)
	}
	if diff := cmp.Diff(exhausted("this connection sends more than 1 commands a second", 1000), got.Data); diff != "" {
		t.Error(diff)
	}
}
