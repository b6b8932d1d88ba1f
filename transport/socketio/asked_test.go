package socketio_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"slices"
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
	"github.com/example/switchyard/internal/testenv"
	"github.com/example/switchyard/transport/socketio"
	"github.com/example/switchyard/transport/socketio/sockets"
)

type wish struct {
	Color string `json:"color" enum:"red|blue"`
}

var favourite = contract.Ask[contract.None, wish]{Namespace: ns, Name: "favourite", Doc: "Which colour do you like?", Timeout: 20 * time.Second}

// A holder is a gateway on real lanes.
type holder struct {
	*socketio.Gateway
	lanes *broker.Gateway
	url   string
}

func newLanes(t *testing.T, url, name string) *broker.Lanes {
	t.Helper()
	lanes, err := broker.NewLanes(broker.Config{Node: name, Partitions: 4}, testenv.Client(t, url), testenv.Client(t, url), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = lanes.Close() })
	return lanes
}

func hold(t *testing.T, url, name string) *holder {
	t.Helper()
	all := routes()
	all[0].Asks = []contract.AskSpec{favourite.Spec(), sign.Spec()}
	c, err := schema.Compile(contract.NewCatalog(all))
	if err != nil {
		t.Fatal(err)
	}
	lanes := broker.NewGateway(newLanes(t, url, name))
	g := socketio.New(c, lanes, auth.New(auth.Config{Mode: auth.None}), cors.Policy{}, sockets.Config{}, metrics.New(), slog.New(slog.DiscardHandler))
	e := emitter.New(g, broker.Config{Node: name})
	lanes.Answering(g.Answer)
	if err := lanes.Start(t.Context(), e.Handle, e.Missed); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(lanes.Close)
	web := httptest.NewServer(g)
	t.Cleanup(web.Close)
	return &holder{g, lanes, web.URL}
}

// reply answers the newest question of a client.
func reply(t *testing.T, c *rawsio.Client, args string) {
	t.Helper()
	if got := c.Expect("/board", "favourite"); got != `{}` {
		t.Errorf("the question is %s", got)
	}
	asked := c.Heard()
	head, _, _ := strings.Cut(strings.TrimPrefix(asked[len(asked)-1], "42/board,"), "[")
	c.Send("43/board," + head + args)
}

func TestACallIsAnsweredFromAnotherNode(t *testing.T) {
	t.Parallel()
	testenv.OnBoth(t, func(t *testing.T, url string) {
		one, _ := hold(t, url, "one"), hold(t, url, "two")
		asker := broker.NewAsker(newLanes(t, url, "worker")) // holds nothing
		c := rawsio.Dial(t, one.url)
		sid := c.Connect("/board", `{"user":"alice"}`)
		type result struct {
			wish
			err error
		}
		call := func(id string) <-chan result {
			done := make(chan result, 1)
			go func() {
				w, err := favourite.Call(context.Background(), asker, id, contract.None{})
				done <- result{w, err}
			}()
			return done
		}
		for args, check := range map[string]func(result) bool{
			`[{"color":"red"}]`:                    func(r result) bool { return r.err == nil && r.Color == "red" },
			`[{"color":"green"}]`:                  func(r result) bool { return errors.Is(r.err, contract.ErrBadAnswer) },
			`[{"color":"red"},1]`:                  func(r result) bool { return errors.Is(r.err, contract.ErrBadAnswer) },
			`[]`:                                   func(r result) bool { return errors.Is(r.err, contract.ErrBadAnswer) },
			`[{"kind":"error","code":"conflict"}]`: func(r result) bool { return errors.Is(r.err, contract.ErrRefused) },
			`["` + strings.Repeat("x", 70_000) + `"]`: func(r result) bool {
				return errors.Is(r.err, fault.New(fault.Conflict, ""))
			},
		} {
			done := call(sid)
			reply(t, c, args)
			if r := <-done; !check(r) {
				t.Errorf("%.40s: %+v", args, r)
			}
		}
		begin := time.Now()
		if r := <-call("nobody"); !errors.Is(r.err, fault.New(fault.NotFound, "")) {
			t.Errorf("no such socket: %v", r.err)
		}
		if took := time.Since(begin); took > favourite.Timeout/2 {
			t.Errorf("all nodes said no, and it took %s", took)
		}
		done := call(sid)
		c.Expect("/board", "favourite")
		c.Close()
		if r := <-done; !errors.Is(r.err, fault.New(fault.NotFound, "")) {
			t.Errorf("it went: %v", r.err)
		}
	})
}

func TestACallEndsInTime(t *testing.T) {
	t.Parallel()
	url := testenv.Embedded(t)
	one := hold(t, url, "one")
	asker := broker.NewAsker(newLanes(t, url, "worker"))
	c := rawsio.Dial(t, one.url)
	sid := c.Connect("/board", `{"user":"alice"}`)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	_, err := favourite.Call(ctx, asker, sid, contract.None{})
	if !errors.Is(err, fault.New(fault.Timeout, "")) || ctx.Err() != nil {
		t.Errorf("%v; the handler's own time: %v", err, ctx.Err())
	}
	unknown := favourite
	unknown.Name = "unheard_of"
	if _, err := unknown.Call(t.Context(), asker, sid, contract.None{}); err == nil || !strings.Contains(err.Error(), "Asks of a command") {
		t.Errorf("not declared: %v", err)
	}
}

func TestEachSocketOfAUserIsAsked(t *testing.T) {
	t.Parallel()
	testenv.OnBoth(t, func(t *testing.T, url string) {
		one, two := hold(t, url, "one"), hold(t, url, "two")
		asker := broker.NewAsker(newLanes(t, url, "worker"))
		a, b := rawsio.Dial(t, one.url), rawsio.Dial(t, two.url)
		sidA, sidB := a.Connect("/board", `{"user":"alice"}`), b.Connect("/board", `{"user":"alice"}`)
		got := make(chan []contract.AnswerOf[wish], 1)
		go func() {
			answers, missing, err := favourite.CallUser(context.Background(), asker, "alice", contract.None{})
			if err != nil || missing != nil {
				t.Errorf("missing %v, %v", missing, err)
			}
			got <- answers
		}()
		reply(t, a, `[{"color":"red"}]`)
		reply(t, b, `[{"color":"blue"}]`)
		want := []contract.AnswerOf[wish]{{Socket: sidA, User: "alice", Answer: wish{"red"}}, {Socket: sidB, User: "alice", Answer: wish{"blue"}}}
		if diff := cmp.Diff(want, <-got); diff != "" {
			t.Error(diff)
		}
		answers, _, err := favourite.CallUser(t.Context(), asker, "nobody", contract.None{})
		if len(answers) != 0 || err != nil {
			t.Errorf("nobody: %v %v", answers, err)
		}
	})
}

func TestListAndCount(t *testing.T) {
	t.Parallel()
	testenv.OnBoth(t, func(t *testing.T, url string) {
		one, two := hold(t, url, "one"), hold(t, url, "two")
		asker := broker.NewAsker(newLanes(t, url, "worker"))
		var alice []string
		for _, h := range []*holder{one, two} {
			c := rawsio.Dial(t, h.url)
			alice = append(alice, c.Connect("/board", `{"user":"alice"}`))
		}
		bob := rawsio.Poll(t, two.url).Connect("/board", `{"user":"bob"}`)
		one.Move("/board", emitter.Audience{Users: []string{"alice"}}, []string{"b2", "b1"}, false)
		two.Move("/board", emitter.Audience{Sockets: []string{bob}}, []string{"b1"}, false)
		onOne := contract.SocketInfo{ID: alice[0], User: "alice", Node: "one", Rooms: []contract.Room{"b1", "b2"}, Transport: "websocket"}
		onTwo := contract.SocketInfo{ID: alice[1], User: "alice", Node: "two", Transport: "websocket"}
		bobs := contract.SocketInfo{ID: bob, User: "bob", Node: "two", Rooms: []contract.Room{"b1"}, Transport: "polling"}
		for name, tc := range map[string]struct {
			who  contract.Who
			want []contract.SocketInfo
		}{
			"all":    {contract.Who{}, []contract.SocketInfo{onOne, onTwo, bobs}},
			"room":   {contract.InRoom("b1"), []contract.SocketInfo{onOne, bobs}},
			"user":   {contract.OfUser("alice"), []contract.SocketInfo{onOne, onTwo}},
			"socket": {contract.OfSocket(bob), []contract.SocketInfo{bobs}},
			"nobody": {contract.InRoom("empty"), nil},
		} {
			got, err := asker.List(t.Context(), ns, tc.who)
			byID := func(a, b contract.SocketInfo) int { return strings.Compare(a.ID, b.ID) }
			slices.SortFunc(got.Sockets, byID)
			slices.SortFunc(tc.want, byID)
			if diff := cmp.Diff(contract.Listing{Sockets: tc.want}, got); err != nil || diff != "" {
				t.Errorf("%s: %v %s", name, err, diff)
			}
			n, err := asker.Count(t.Context(), ns, tc.who)
			if diff := cmp.Diff(contract.Count{Sockets: len(tc.want)}, n); err != nil || diff != "" {
				t.Errorf("%s: %v %s", name, err, diff)
			}
		}
	})
}

// A node that lives, as far as is known, and keeps silent is named, and the others'
// answers are there.
func TestASilentNodeIsMissing(t *testing.T) {
	t.Parallel()
	url := testenv.Embedded(t)
	one := hold(t, url, "one")
	asker := broker.NewAsker(newLanes(t, url, "worker"))
	sid := rawsio.Dial(t, one.url).Connect("/board", `{"user":"alice"}`)
	rdb := testenv.Client(t, url)
	in := rdb.ZRangeWithScores(t.Context(), "gateways", 0, -1).Val()
	in[0].Score += 3_600_000 // it has just beaten, for an hour
	in[0].Member = "deaf.1234:1"
	if err := rdb.ZAdd(t.Context(), "gateways", in[0]).Err(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	got, err := asker.List(ctx, ns, contract.Who{})
	want := contract.Listing{Sockets: []contract.SocketInfo{{ID: sid, User: "alice", Node: "one", Transport: "websocket"}}, Missing: []string{"deaf"}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
}

// What was asked is deleted once it is read, also of many at a time.
func TestManyAskAtATime(t *testing.T) {
	t.Parallel()
	url := testenv.Embedded(t)
	one := hold(t, url, "one")
	lanes := newLanes(t, url, "worker")
	asker := broker.NewAsker(lanes)
	rawsio.Dial(t, one.url).Connect("/board", `{"user":"alice"}`)
	results := make(chan error, 300)
	for range cap(results) {
		go func() {
			n, err := asker.Count(context.Background(), ns, contract.Who{})
			if err == nil && n.Sockets != 1 {
				err = fmt.Errorf("counted %+v", n)
			}
			results <- err
		}()
	}
	ok := 0
	for range cap(results) {
		switch err := <-results; {
		case err == nil:
			ok++
		case !errors.Is(err, fault.New(fault.Overloaded, "")):
			t.Error(err)
		}
	}
	if ok < 200 {
		t.Errorf("only %d were answered", ok)
	}
	rdb := testenv.Client(t, url)
	testenv.WaitFor(t, 20*time.Second, "the answers to be deleted", func() bool { return rdb.XLen(t.Context(), "ans:"+lanes.Boot()).Val() <= 1 })
}
