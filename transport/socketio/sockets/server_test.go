package sockets_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
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
