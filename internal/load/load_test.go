package load_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/internal/load"
	"github.com/example/switchyard/internal/siotest"
	"github.com/example/switchyard/transport/socketio/client"
	"github.com/example/switchyard/usecases/chat"
)

var target = load.Target{
	Namespace: chat.Namespace,
	Join: func(ctx context.Context, c *client.Client, room string) error {
		_, err := client.Call(ctx, c, chat.Join, chat.JoinInput{Room: room})
		return err
	},
	Send: func(ctx context.Context, c *client.Client, room, mark string) error {
		_, err := client.Call(ctx, c, chat.Post, chat.PostInput{Room: room, Text: mark, ClientID: mark})
		return err
	},
	Hear: func(c *client.Client, heard func(mark string)) {
		client.On(c, chat.Posted, func(m chat.Message) { heard(m.Text) })
	},
}

func config(scenario load.Scenario, urls ...string) load.Config {
	return load.Config{
		Scenario: scenario, URLs: urls, Connections: 10, Rooms: 3, Members: 4, Window: 2, Rate: 60,
		Duration: 2 * time.Second, GiveUp: 20 * time.Second,
		Auth: func(n int) map[string]any { return map[string]any{"user": fmt.Sprint("user-", n)} },
	}
}

func run(t *testing.T, cfg load.Config, target load.Target) *load.Result {
	t.Helper()
	r, err := load.Run(t.Context(), cfg, target, func(s load.Second) { t.Logf("%+v", s) })
	if err != nil {
		t.Fatal(err)
	}
	t.Log("\n" + r.String())
	return r
}

func TestNothingIsLostOnTwoNodes(t *testing.T) {
	t.Parallel()
	nodes := siotest.Cluster(t, 2)
	for _, scenario := range []load.Scenario{load.Ack, load.Broadcast, load.Connect} {
		r := run(t, config(scenario, nodes[0].URL, nodes[1].URL), target)
		if broken := r.Broken(); len(broken) > 0 {
			t.Errorf("%s: %v", scenario, broken)
		}
		heard := int64(0)
		switch scenario {
		case load.Broadcast:
			heard = 4 * r.Latency.Count
		case load.Connect:
			if r.Latency.Count != 10 {
				t.Errorf("connected %d", r.Latency.Count)
			}
		}
		if r.Delivery.Count != heard || len(r.Problems) > 0 || len(r.Timeline) == 0 {
			t.Errorf("%s: %d events were heard, and not %d; problems %v", scenario, r.Delivery.Count, heard, r.Problems)
		}
	}
}

// A target that loses, repeats and exchanges events is found out.
func TestFaultsAreCounted(t *testing.T) {
	t.Parallel()
	node := siotest.Start(t)
	broken := target
	broken.Hear = func(c *client.Client, heard func(string)) {
		n, held := 0, ""
		client.On(c, chat.Posted, func(m chat.Message) {
			n++
			switch n {
			case 3: // is lost
			case 5:
				heard(m.Text)
				heard(m.Text)
			case 7:
				held = m.Text
			case 8:
				heard(m.Text)
				heard(held)
			default:
				heard(m.Text)
			}
		})
	}
	cfg := config(load.Broadcast, node.URL)
	cfg.Window, cfg.Duration = 1, time.Minute // with more senders the 7th and the 8th may be of two of them
	ctx, cancel := context.WithCancel(t.Context())
	heard := int64(0)
	r, err := load.Run(ctx, cfg, broken, func(s load.Second) {
		if heard += s.Delivery.Count; heard > 12*20 { // more than 8 in each room, since they take turns
			cancel()
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	got := [...]uint64{r.Lost, r.Duplicated, r.OutOfOrder, r.Unanswered, r.Missed}
	if want := [...]uint64{12, 12, 12, 0, 0}; got != want { // one of each for each member
		t.Errorf("lost, duplicated, out of order, unanswered, missed: %v, want %v", got, want)
	}
	want := []string{"12 duplicated", "12 lost", "12 out of order"}
	if diff := cmp.Diff(want, r.Broken()); diff != "" {
		t.Error(diff)
	}
}

// What a client has missed while a node goes away is not lost: it was told.
func TestANodeGoesAway(t *testing.T) {
	t.Parallel()
	nodes := siotest.Cluster(t, 2)
	var to atomic.Int64
	front := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		at, err := url.Parse(nodes[to.Load()].URL)
		if err != nil {
			t.Error(err)
			return
		}
		r.SetURL(at)
	}})
	t.Cleanup(front.Close)
	busy := target
	var refused sync.Map // *client.Client: each once, when it is back
	busy.Join = func(ctx context.Context, c *client.Client, room string) error {
		if to.Load() == 1 {
			if _, before := refused.LoadOrStore(c, true); !before {
				return fault.New(fault.Overloaded, "not now")
			}
		}
		return target.Join(ctx, c, room)
	}
	cfg := config(load.Broadcast, front.URL)
	cfg.Duration = time.Minute
	cfg.Options = []client.Option{client.Reconnect(client.Reconnection{Delay: 20 * time.Millisecond})}
	ctx, cancel := context.WithCancel(t.Context())
	left := false
	r, err := load.Run(ctx, cfg, busy, func(s load.Second) {
		switch {
		case s.Latency.Count == 0:
		case !left:
			left = true
			to.Store(1)
			nodes[0].Stop()
		case s.Connections == 12 && s.Delivery.Count > 0: // all are back
			cancel()
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Log("\n" + r.String())
	if broken := r.Broken(); len(broken) > 0 || r.Reconnects < 12 || r.Problems["join: overloaded"] != 12 {
		t.Errorf("%v; %d connections were made again of 12; problems %v", broken, r.Reconnects, r.Problems)
	}
}

func TestProblemsAreTriedAgain(t *testing.T) {
	t.Parallel()
	node := siotest.Start(t)
	flaky := target
	flaky.Send = func(ctx context.Context, c *client.Client, room, mark string) error {
		_, err := client.CallAs[chat.PostOutput](ctx, c, "no.such.command", map[string]string{})
		return err
	}
	cfg := config(load.Ack, node.URL)
	r := run(t, cfg, flaky)
	if r.Problems["not_found"] == 0 || r.Retries > 0 || r.Latency.Count > 0 {
		t.Errorf("%s", r)
	}
	if diff := cmp.Diff([]string{"nothing was answered"}, r.Broken()); diff != "" {
		t.Error(diff)
	}
}

func TestAnInterruptedRunSaysWhatItDid(t *testing.T) {
	t.Parallel()
	node := siotest.Start(t)
	ctx, cancel := context.WithCancel(t.Context())
	cfg := config(load.Ack, node.URL)
	cfg.Duration = time.Hour
	r, err := load.Run(ctx, cfg, target, func(s load.Second) {
		if s.Latency.Count > 0 {
			cancel()
		}
	})
	if err != nil || r.Latency.Count == 0 || len(r.Broken()) > 0 {
		t.Errorf("%v\n%s", err, r)
	}
}

func TestALoadThatCannotBegin(t *testing.T) {
	t.Parallel()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	if _, err := load.Run(t.Context(), config(load.Broadcast, gone.URL), target, func(load.Second) {}); err == nil || !strings.Contains(err.Error(), "connect 12 clients") {
		t.Errorf("%v", err)
	}
	_, err := load.Run(t.Context(), load.Config{Scenario: "all"}, target, nil)
	for _, part := range []string{`the scenario is "all"`, "window is 0", "duration is 0s", "no url"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%v does not say %q", err, part)
		}
	}
}

// The report says what the result says.
func TestReport(t *testing.T) {
	t.Parallel()
	r := &load.Result{
		Scenario: load.Broadcast, URLs: []string{"http://a", "http://<script>"}, Connections: 12, Rooms: 3, Members: 4, Window: 1, Rate: 1234.4, Heard: 4321,
		Latency: load.Latency{Count: 7, P50: 1.25, P99: 17.5, Max: 19}, Delivery: load.Latency{Count: 28, P99: 21.75},
		Curve:    []load.Point{{Percentile: 0, MS: .5}, {Percentile: 50, MS: 1.25}, {Percentile: 99, MS: 17.5}, {Percentile: 100, MS: 19}},
		Problems: map[string]uint64{"exhausted": 3}, Lost: 2,
		Timeline: []load.Second{{At: 1, Connections: 12, Latency: load.Latency{Count: 3, P50: 1, P99: 2, Max: 3}}, {At: 2, Connections: 12}},
	}
	var b strings.Builder
	if err := r.Report(&b); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	for _, want := range []string{
		"Not kept: 2 lost.", "1234 <small>/s", "1.25 <small>ms", "17.50 <small>ms", "21.75 <small>ms", "4321 <small>/s",
		"<td>problem: exhausted</td><td>3</td>", "<td>events lost</td><td>2</td>", "http://a, http://&lt;script&gt;", `<polyline class="a" points="`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the report has no %s", want)
		}
	}
	for _, no := range []string{"<script", "NaN", "Inf", "https://", "url("} { // it needs nothing else
		if strings.Contains(page, no) {
			t.Errorf("the report has %s", no)
		}
	}
}
