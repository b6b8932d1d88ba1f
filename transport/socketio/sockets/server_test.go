package sockets_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/example/switchyard/internal/rawsio"
	"github.com/example/switchyard/internal/testenv"
	"github.com/example/switchyard/transport/socketio/engineio"
	"github.com/example/switchyard/transport/socketio/sockets"
)

// echo is the handler of these tests. It answers an event with its first argument,
// and does what some events are named after.
type echo struct {
	mu         sync.Mutex
	events     []string
	ended      []string // reasons
	rooms      [][]string
	connecting atomic.Int64
	gate       chan struct{} // closed when those who are to wait have their answer
}

func (h *echo) Connect(s *sockets.Socket) error {
	h.connecting.Add(1)
	switch string(s.Handshake().Auth) {
	case `{"refuse":true}`:
		return &sockets.Refusal{Message: "unauthorized", Data: json.RawMessage(`{"code":"unauthenticated"}`)}
	case `{"fail":true}`:
		return errors.New("secret")
	case `{"panic":true}`:
		panic("secret")
	case `{"brief":true}`:
		s.Emit("held", sockets.JSON(json.RawMessage(`1`)))
		s.OnTold(s.Close)
	case `{"unwelcome":true}`:
		s.Emit("held", sockets.JSON(json.RawMessage(`1`)))
		s.Disconnect()
	case `{"unwelcome":"everywhere"}`:
		s.DisconnectAll()
	case `{"late":"yes"}`:
		<-h.gate
	case `{"late":"no"}`:
		<-h.gate
		return errors.New("secret")
	}
	return nil
}

func (h *echo) Event(s *sockets.Socket, e sockets.Event) {
	payload := json.RawMessage(`null`)
	if len(e.Args) > 0 {
		payload = e.Args[0]
	}
	h.mu.Lock()
	h.events = append(h.events, e.Name+string(payload))
	h.mu.Unlock()
	switch e.Name {
	case "panic":
		panic("handler")
	case "join":
		s.Join(strings.Trim(string(payload), `"`))
	case "leave":
		s.Leave(strings.Trim(string(payload), `"`))
	case "goodbye":
		for i := range 20 {
			s.Emit("last", sockets.JSON(json.RawMessage(fmt.Sprint(i))))
		}
		s.Disconnect()
		return
	case "hold": // is done when "release" comes
		return
	case "release":
		s.Done()
		defer s.Answered()
	}
	s.Done()
	s.Ack(e.Ack, sockets.JSON(payload))
	s.Answered()
}

func (h *echo) Exceeded(s *sockets.Socket, ack sockets.AckID, limit sockets.Limit) {
	said := json.RawMessage(fmt.Sprintf(`"limit %d"`, limit))
	if ack == sockets.NoAck {
		s.Emit("error", sockets.JSON(said))
		return
	}
	s.Ack(ack, sockets.JSON(said))
}

func (h *echo) Disconnect(s *sockets.Socket, rooms []string, reason string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ended = append(h.ended, reason)
	h.rooms = append(h.rooms, rooms)
}

func (h *echo) heard() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.events)
}

func (h *echo) reasons() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.ended)
}

func start(t testing.TB, cfg sockets.Config) (*sockets.Server, *echo, string) {
	t.Helper()
	h := &echo{gate: make(chan struct{})}
	e := &cfg.Engine
	e.Log = slog.New(slog.DiscardHandler)
	if e.PingInterval == 0 { // a polling client that has gone is noticed by its silence
		e.PingInterval, e.PingTimeout = time.Second, testenv.Late
	}
	srv := sockets.New(cfg, []string{"/a", "/b"}, h)
	mux := http.NewServeMux()
	mux.Handle("/", srv)
	web := httptest.NewServer(mux)
	t.Cleanup(web.Close)
	t.Cleanup(func() {
		testenv.WaitFor(t, 20*time.Second, "all connections to end", func() bool { return srv.Connections() == 0 })
	})
	return srv, h, web.URL
}

// over runs a test with clients on each transport and after an upgrade.
func over(t *testing.T, test func(t *testing.T, dial func(url string) *rawsio.Client)) {
	for name, dial := range map[string]func(t *testing.T, url string) *rawsio.Client{
		"websocket": func(t *testing.T, url string) *rawsio.Client { return rawsio.Dial(t, url) },
		"polling":   func(t *testing.T, url string) *rawsio.Client { return rawsio.Poll(t, url).Client },
		"upgraded": func(t *testing.T, url string) *rawsio.Client {
			s := rawsio.Poll(t, url)
			s.Upgrade()
			return s.Client
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, func(url string) *rawsio.Client { return dial(t, url) })
		})
	}
}

func TestEventsAndAcknowledgements(t *testing.T) {
	t.Parallel()
	over(t, func(t *testing.T, dial func(string) *rawsio.Client) {
		_, h, url := start(t, sockets.Config{})
		c := dial(url)
		c.Connect("/a", `{"token":"x"}`)
		c.Connect("/b", ``)
		if got := c.Call("/a", "hello", `{"é":[1,null]}`); got != `{"é":[1,null]}` {
			t.Errorf("acknowledged %s", got)
		}
		c.Emit("/b", "quiet", `1`)
		testenv.WaitFor(t, 20*time.Second, "the event without acknowledgement", func() bool { return slices.Contains(h.heard(), "quiet1") })
		long := `"` + strings.Repeat("x", 60_000) + `"`
		if got := c.Call("/b", "long", long); got != long {
			t.Errorf("acknowledged %d bytes of %d", len(got), len(long))
		}
	})
}

func TestEventsOfOneSocketStayInOrder(t *testing.T) {
	t.Parallel()
	over(t, func(t *testing.T, dial func(string) *rawsio.Client) {
		_, h, url := start(t, sockets.Config{})
		c := dial(url)
		c.Connect("/a", "")
		n := 1000
		var want []string
		for i := range n {
			c.Emit("/a", "n", fmt.Sprint(i))
			want = append(want, fmt.Sprint("n", i))
		}
		testenv.WaitFor(t, rawsio.Patience, "all events", func() bool { return len(h.heard()) == n })
		if diff := cmp.Diff(want, h.heard()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestOrderAcrossAnUpgrade(t *testing.T) {
	t.Parallel()
	srv, h, url := start(t, sockets.Config{})
	s := rawsio.Poll(t, url)
	sid := s.Connect("/a", "")
	stop := make(chan struct{})
	var sent atomic.Int64
	var sending sync.WaitGroup
	sending.Go(func() { // the server's side goes on while the transport changes
		for i := int64(0); ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			srv.Broadcast("/a", sockets.Audience{Sockets: []string{sid}}, "n", sockets.JSON(json.RawMessage(fmt.Sprint(i))), false)
			sent.Store(i + 1)
			time.Sleep(200 * time.Microsecond)
		}
	})
	for i := range 50 {
		s.Emit("/a", "m", fmt.Sprint(i))
	}
	s.Upgrade()
	for i := range 50 {
		s.Emit("/a", "m", fmt.Sprint(50+i))
	}
	testenv.WaitFor(t, rawsio.Patience, "all events", func() bool { return len(h.heard()) == 100 })
	for i, got := range h.heard() {
		if want := fmt.Sprint("m", i); got != want {
			t.Fatalf("event %d is %s", i, got)
		}
	}
	close(stop)
	sending.Wait()
	testenv.WaitFor(t, rawsio.Patience, "all that was sent", func() bool { return int64(len(s.Events())) == sent.Load() })
	for i, e := range s.Events() {
		if string(e.Payload) != fmt.Sprint(i) {
			t.Fatalf("event %d is %s", i, e.Payload)
		}
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	_, h, url := start(t, sockets.Config{})
	c := rawsio.Dial(t, url)
	for auth, want := range map[string]string{
		`{"refuse":true}`: `{"data":{"code":"unauthenticated"},"message":"unauthorized"}`,
		`{"fail":true}`:   `{"data":null,"message":"internal"}`,
		`{"panic":true}`:  `{"data":null,"message":"internal"}`,
	} {
		c := rawsio.Dial(t, url)
		if _, got := c.TryConnect("/a", auth); got != want {
			t.Errorf("%s: %s", auth, got)
		}
	}
	for _, ns := range []string{"/", "/unknown"} {
		if _, got := c.TryConnect(ns, ""); !strings.Contains(got, `"message":"Invalid namespace"`) {
			t.Errorf("%s: %s", ns, got)
		}
	}
	c.Connect("/a", "") // one refused namespace harms no other
	if got := h.reasons(); len(got) != 0 {
		t.Errorf("Disconnect without Connect: %v", got)
	}
}

func TestHandshakeCanBeRefused(t *testing.T) {
	t.Parallel()
	_, _, url := start(t, sockets.Config{Engine: engineio.Config{Allow: func(r *http.Request) error {
		if r.Header.Get("Origin") == "https://evil.example" {
			return errors.New("origin not allowed")
		}
		return nil
	}}})
	if _, err := rawsio.TryDial(t, url, http.Header{"Origin": {"https://evil.example"}}); err == nil || !strings.Contains(err.Error(), "403") {
		t.Errorf("got %v", err)
	}
	rawsio.Dial(t, url, http.Header{"Origin": {"https://good.example"}}).Connect("/a", "")
}

// Whatever a client sends, it ends its own connection at most.
func TestMalformedPacketsHarmNobodyElse(t *testing.T) {
	t.Parallel()
	_, _, url := start(t, sockets.Config{})
	witness := rawsio.Dial(t, url)
	witness.Connect("/a", "")
	for _, packet := range []string{
		"4", "42", "42/a", "42/a,", "421", "42/a,1", "450-", "451-", "451-/a,", "459-/a,[]", "45/a,[\"x\"]", "46", "43/a,1", "43/a,1[]", "43/a,[", "44/a", "44/a,{}",
		"42/a,[", "42/a,[]", "42/a,[1]", "42/a,[null,1]", `42/a,{"a":1}`, `42/a,["x",]`, `42/a,["x"]y`, `42/a,99999999999999999999["x"]`, "42/a,[\"\xff\"]",
		`42/b,["x"]`, `42/unknown,["x"]`, `40/a,[]`, `40/a,1`, `40/a,{`, "40/a,", "41/unknown,", "48", "9", "", "6", "0", "1", "5", "3", "3probe", "2", "4\x00",
		"42/a," + strings.Repeat("[", 10_000), "42/a,[\"" + strings.Repeat("x", 900_000) + "\"]", strings.Repeat("4", 2_000_000),
	} {
		c := rawsio.Dial(t, url)
		c.Connect("/a", "")
		if len(packet) <= 1_000_000 {
			c.Send(packet)
		} else if err := c.TrySend(packet); err == nil {
			_ = c.Ended()
		}
		c.Close()
		if got := witness.Call("/a", "alive", "1"); got != "1" {
			t.Fatalf("after %.40q: %s", packet, got)
		}
	}
	before := rawsio.Dial(t, url) // and before any namespace
	for _, packet := range []string{"3", "3", "42", "41", "43", "451-", "2", "5"} {
		_ = before.TrySend(packet)
	}
	if got := witness.Call("/a", "alive", "1"); got != "1" {
		t.Fatal(got)
	}
}

func TestPanicInAHandlerEndsNothingElse(t *testing.T) {
	t.Parallel()
	_, _, url := start(t, sockets.Config{})
	witness := rawsio.Dial(t, url)
	witness.Connect("/a", "")
	c := rawsio.Dial(t, url)
	c.Connect("/a", "")
	c.Emit("/a", "panic", "1")
	if got := witness.Call("/a", "alive", "1"); got != "1" {
		t.Error(got)
	}
}

func TestRoomsAndAudiences(t *testing.T) {
	t.Parallel()
	over(t, func(t *testing.T, dial func(string) *rawsio.Client) {
		srv, _, url := start(t, sockets.Config{})
		const n = 4
		var clients []*rawsio.Client
		var ids []string
		for range n {
			c := dial(url)
			ids = append(ids, c.Connect("/a", ""))
			clients = append(clients, c)
		}
		clients[0].Call("/a", "join", `"x"`)
		clients[1].Call("/a", "join", `"x"`)
		clients[1].Call("/a", "join", `"y"`)
		clients[2].Call("/a", "join", `"y"`)
		clients[3].Call("/a", "join", `"x"`)
		clients[3].Call("/a", "leave", `"x"`)
		for i, tc := range []struct {
			to   sockets.Audience
			want []int
		}{
			{sockets.Audience{Rooms: []string{"x"}}, []int{0, 1}},
			{sockets.Audience{Rooms: []string{"x", "y"}}, []int{0, 1, 2}},
			{sockets.Audience{Rooms: []string{"x", "y"}, Except: ids[1:2]}, []int{0, 2}},
			{sockets.Audience{Sockets: []string{ids[3]}, Rooms: []string{"y"}}, []int{1, 2, 3}},
			{sockets.Audience{Everyone: true}, []int{0, 1, 2, 3}},
			{sockets.Audience{Everyone: true, Except: ids[:1]}, []int{1, 2, 3}},
			{sockets.Audience{Rooms: []string{"nobody"}}, nil},
			{sockets.Audience{}, nil},
		} {
			srv.Broadcast("/a", tc.to, "hear", sockets.JSON(json.RawMessage(fmt.Sprint(i))), false)
			srv.Broadcast("/b", tc.to, "hear", sockets.JSON(json.RawMessage(`"another namespace"`)), false)
			srv.Broadcast("/unknown", tc.to, "hear", sockets.JSON(json.RawMessage(`"no namespace"`)), false)
			srv.Broadcast("/a", sockets.Audience{Everyone: true}, "end", sockets.JSON(json.RawMessage(fmt.Sprint(i))), false)
			for k, c := range clients {
				c.Expect("/a", "end")
				var got []string
				for _, e := range c.Events() {
					got = append(got, c.Expect("/a", e.Name))
				}
				var want []string
				if slices.Contains(tc.want, k) {
					want = []string{fmt.Sprint(i)}
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("audience %d, client %d: %s", i, k, diff)
				}
			}
		}
	})
}

func TestABurstLosesNothing(t *testing.T) {
	t.Parallel()
	over(t, func(t *testing.T, dial func(string) *rawsio.Client) {
		srv, _, url := start(t, sockets.Config{})
		var clients []*rawsio.Client
		for range 20 {
			c := dial(url)
			c.Connect("/a", "")
			clients = append(clients, c)
		}
		for i := range 400 {
			srv.Broadcast("/a", sockets.Audience{Everyone: true}, "n", sockets.JSON(json.RawMessage(fmt.Sprint(i))), false)
		}
		for _, c := range clients {
			testenv.WaitFor(t, rawsio.Patience, "the whole burst", func() bool { return len(c.Events()) == 400 })
			for i, e := range c.Events() {
				if string(e.Payload) != fmt.Sprint(i) {
					t.Fatalf("event %d is %s", i, e.Payload)
				}
			}
		}
	})
}

// A client may send its first event in the same breath as CONNECT.
func TestFirstEventRightAfterConnect(t *testing.T) {
	t.Parallel()
	_, h, url := start(t, sockets.Config{Engine: engineio.Config{PingInterval: time.Minute, PingTimeout: time.Minute}})
	const n = 200
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			c, err := rawsio.TryDial(t, url)
			if err != nil {
				t.Error(err)
				return
			}
			c.Send("40/a,")
			if got := c.Call("/a", "first", "1"); got != "1" {
				t.Error(got)
			}
			if heard := c.Heard(); !strings.HasPrefix(heard[1], "40/a,") {
				t.Errorf("answered before CONNECT: %q", heard)
			}
		})
	}
	all.Wait()
	if len(h.heard()) != n {
		t.Errorf("heard %d of %d", len(h.heard()), n)
	}
}

func TestDisconnectOnceWithItsReasonAfterWhatWasSent(t *testing.T) {
	t.Parallel()
	over(t, func(t *testing.T, dial func(string) *rawsio.Client) {
		_, h, url := start(t, sockets.Config{})
		by := dial(url)
		by.Connect("/a", "")
		by.Call("/a", "join", `"x"`)
		by.Emit("/a", "goodbye", "1")
		by.Disconnected("/a")
		if got := by.Events(); len(got) != 20 {
			t.Errorf("%d of 20 events came before the end", len(got))
		}
		by.Connect("/a", "") // the connection is there for a new socket
		by.Send("41/a,")
		testenv.WaitFor(t, 20*time.Second, "both ends", func() bool { return len(h.reasons()) == 2 })
		by.Connect("/b", "")
		by.Close()
		testenv.WaitFor(t, 20*time.Second, "all ends", func() bool { return len(h.reasons()) == 3 })
		got := h.reasons()
		last := []string{"transport close", "transport error", "ping timeout"} // polling: aborted in, or between, polls
		if got[0] != "server namespace disconnect" || got[1] != "client namespace disconnect" || !slices.Contains(last, got[2]) {
			t.Errorf("reasons %v", got)
		}
		if diff := cmp.Diff([]string{"x"}, h.rooms[0]); diff != "" {
			t.Error(diff)
		}
	})
}

func TestSlowConsumerIsCut(t *testing.T) {
	t.Parallel()
	srv, h, url := start(t, sockets.Config{Engine: engineio.Config{QueueMessages: 64, QueueBytes: 1 << 20}})
	deaf := rawsio.DialDeaf(t, url, "/a")
	payload := json.RawMessage(`"` + strings.Repeat("x", 64<<10) + `"`)
	testenv.WaitFor(t, rawsio.Patience, "the socket", func() bool { return len(srv.Find("/a", sockets.Audience{Everyone: true})) == 1 })
	testenv.WaitFor(t, rawsio.Patience, "the cut", func() bool {
		srv.Broadcast("/a", sockets.Audience{Everyone: true}, "n", sockets.JSON(payload), false)
		return len(h.reasons()) == 1
	})
	if got := h.reasons()[0]; got != "slow consumer" {
		t.Errorf("reason %q", got)
	}
	_ = deaf.Close()
}

func TestShutdownEndsEveryConnectionAfterWhatWasSent(t *testing.T) {
	t.Parallel()
	over(t, func(t *testing.T, dial func(string) *rawsio.Client) {
		srv, h, url := start(t, sockets.Config{})
		var clients []*rawsio.Client
		for range 5 {
			c := dial(url)
			c.Connect("/a", "")
			c.Call("/a", "hello", `1`) // so that nothing is held for it any more
			clients = append(clients, c)
		}
		srv.Broadcast("/a", sockets.Audience{Everyone: true}, "last", sockets.JSON(json.RawMessage(`1`)), false)
		if cut := srv.Shutdown(t.Context()); cut != 0 {
			t.Fatalf("%d were cut", cut)
		}
		for _, c := range clients {
			_ = c.Ended()
			if len(c.Events()) != 1 {
				t.Error("the last event did not come")
			}
		}
		if got := len(h.reasons()); got != 5 {
			t.Errorf("%d of 5 ended", got)
		}
	})
}

// A client that is gone without a word, or does not read, keeps nobody waiting.
func TestShutdownCutsWhoDoesNotGo(t *testing.T) {
	t.Parallel()
	srv, h, url := start(t, sockets.Config{})
	gone, err := http.Get(url + "/socket.io/?EIO=4&transport=polling") // and no poll follows
	if err != nil {
		t.Fatal(err)
	}
	_ = gone.Body.Close()
	begin := time.Now()
	if cut := srv.Shutdown(t.Context()); cut != 0 || time.Since(begin) > 5*time.Second+testenv.Late {
		t.Errorf("%d were cut after %s", cut, time.Since(begin))
	}

	stays := rawsio.Dial(t, url)
	stays.Connect("/a", "")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if cut := srv.Shutdown(ctx); cut != 1 || srv.Connections() != 0 || len(h.reasons()) != 1 {
		t.Errorf("%d were cut, %d are left, %v", cut, srv.Connections(), h.reasons())
	}
}
