package socketio_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/emitter"
	"github.com/example/switchyard/internal/rawsio"
	"github.com/example/switchyard/internal/testenv"
	"github.com/example/switchyard/internal/tracing"
)

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

// Whoever was told that they are gone is not found any more, also while their client does
// not come to fetch the end: nobody would be told again.
func TestWhoIsEvictedIsNotFound(t *testing.T) {
	t.Parallel()
	g, _, url := start(t)
	request := func(method, sid, body string) string {
		req, err := http.NewRequestWithContext(t.Context(), method, url+"/socket.io/?EIO=4&transport=polling"+sid, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		said, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(said)
	}
	var opened struct{ SID string }
	if err := json.Unmarshal([]byte(request("GET", "", "")[1:]), &opened); err != nil {
		t.Fatal(err)
	}
	sid := "&sid=" + opened.SID
	request("POST", sid, `40/board,{"user":"alice"}`)
	request("GET", sid, "") // the last: it polls no more
	alice := emitter.Audience{Users: []string{"alice"}}
	g.Move("/board", alice, []string{"b1"}, false)
	found := func() (counts []int) {
		for _, q := range []broker.Question{{Room: "b1"}, {User: "alice"}, {}} {
			for _, q.Action = range []string{broker.AskList, broker.AskCount} {
				q.Namespace, q.Limit = "/board", 10
				g.Answer(q, func(a broker.Answer) { counts = append(counts, a.Count) })
			}
		}
		return counts
	}
	if diff := cmp.Diff([]int{1, 1, 1, 1, 1, 1}, found()); diff != "" {
		t.Fatal(diff)
	}
	g.Evict()
	if diff := cmp.Diff(make([]int, 6), found()); diff != "" {
		t.Error(diff)
	}
}
