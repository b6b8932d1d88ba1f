package engineio_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/example/switchyard/internal/testenv"
	"github.com/example/switchyard/transport/socketio/engineio"
)

func TestHandshake(t *testing.T) {
	t.Parallel()
	s := start(t, engineio.Config{})
	status, body := s.get(polling)
	for _, want := range []string{`0{"sid":"`, `"upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`} {
		if status != 200 || !strings.Contains(body, want) {
			t.Errorf("%d %s", status, body)
		}
	}
	for name, tc := range map[string]struct{ method, query, want string }{
		"no protocol":      {"GET", "transport=polling", `{"code":5,"message":"Unsupported protocol version"}`},
		"protocol 3":       {"GET", "EIO=3&transport=polling", `{"code":5,`},
		"unknown protocol": {"GET", "EIO=abc&transport=polling", `{"code":5,`},
		"no transport":     {"GET", "EIO=4", `{"code":0,"message":"Transport unknown"}`},
		"unknown one":      {"GET", "EIO=4&transport=abc", `{"code":0,`},
		"POST":             {"POST", polling, `{"code":2,"message":"Bad handshake method"}`},
		"PUT":              {"PUT", polling, `{"code":2,`},
		"unknown session":  {"GET", polling + "&sid=x", `{"code":1,"message":"Session ID unknown"}`},
		"no upgrade":       {"GET", "EIO=4&transport=websocket", `{"code":3,"message":"Bad request"}`},
	} {
		if status, body := s.do(t.Context(), tc.method, tc.query, "", nil); status != 400 || !strings.HasPrefix(body, tc.want) {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
	if status, _ := s.do(t.Context(), "PUT", s.session(polling), "", nil); status != 400 {
		t.Errorf("PUT: %d", status)
	}
}

func TestWebSocketMessages(t *testing.T) {
	t.Parallel()
	s := start(t, engineio.Config{})
	c := s.dial("EIO=4&transport=websocket")
	if _, open, err := c.ReadMessage(); err != nil || !bytes.Contains(open, []byte(`"upgrades":[]`)) {
		t.Fatalf("%s %v", open, err)
	}
	s.send(c, "4hello")
	s.expect(c, "4hello")
	if err := c.WriteMessage(websocket.BinaryMessage, []byte{1, 2, 3}); err != nil {
		t.Fatal(err)
	}
	s.expect(c, "\x01\x02\x03")
	s.send(c, "4panic") // the receiver's, and that packet's end only
	s.send(c, "4after")
	s.expect(c, "4after")
	s.send(c, "abc")
	if _, _, err := c.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseNormalClosure) {
		t.Errorf("got %v", err)
	}
	s.ends(engineio.ParseError)
}

func TestWebSocketMessageTooLong(t *testing.T) {
	t.Parallel()
	for _, compression := range []bool{false, true} {
		s := start(t, engineio.Config{MaxPayload: 100_000, Compression: compression})
		dialer := websocket.Dialer{EnableCompression: compression}
		c, _, err := dialer.Dial("ws"+strings.TrimPrefix(s.url, "http")+"/?EIO=4&transport=websocket", nil)
		if err != nil {
			t.Fatal(err)
		}
		// With compression that are 10 kB on the wire. Without, the server may be gone
		// before all is written.
		_ = c.WriteMessage(websocket.TextMessage, []byte("4"+strings.Repeat("x", 10_000_000)))
		s.ends(engineio.TransportError)
		_ = c.Close()
	}
}

func TestCompression(t *testing.T) {
	t.Parallel()
	s := start(t, engineio.Config{Compression: true})
	text := strings.Repeat("compressible ", 1000)
	dialer := websocket.Dialer{EnableCompression: true}
	c, _, err := dialer.Dial("ws"+strings.TrimPrefix(s.url, "http")+"/?EIO=4&transport=websocket", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, _, err := c.ReadMessage(); err != nil {
		t.Fatal(err)
	}
	for _, message := range []string{"4" + text, "4short", "4" + text} {
		s.send(c, message)
		s.expect(c, message)
	}
	plain := s.dial("EIO=4&transport=websocket") // a client that takes none
	_, _, _ = plain.ReadMessage()
	s.send(plain, "4"+text)
	s.expect(plain, "4"+text)

	q := s.session(polling)
	s.post(q, "4"+text)
	if status, body := s.get(q); status != 200 || body != "4"+text { // net/http inflates
		t.Errorf("%d %.50s", status, body)
	}
}

func TestHeartbeat(t *testing.T) {
	t.Parallel()
	cfg := engineio.Config{PingInterval: 100 * time.Millisecond, PingTimeout: 400 * time.Millisecond}
	t.Run("polling", func(t *testing.T) {
		t.Parallel()
		s := start(t, cfg)
		q := s.session(polling)
		for range 3 {
			if _, body := s.get(q); body != "2" {
				t.Fatalf("polled %q", body)
			}
			s.post(q, "3")
		}
		s.ends(engineio.PingTimeout)
		if status, _ := s.get(q); status != 400 {
			t.Errorf("poll after the end: %d", status)
		}
	})
	t.Run("websocket", func(t *testing.T) {
		t.Parallel()
		s := start(t, cfg)
		c := s.dial("EIO=4&transport=websocket")
		_, _, _ = c.ReadMessage()
		for range 3 {
			s.expect(c, "2")
			s.send(c, "3")
		}
		s.ends(engineio.PingTimeout)
	})
	t.Run("protocol 3", func(t *testing.T) { // there the client pings
		t.Parallel()
		cfg := cfg
		cfg.AllowEIO3 = true
		s := start(t, cfg)
		c := s.dial("EIO=3&transport=websocket")
		_, _, _ = c.ReadMessage()
		s.send(c, "2probe")
		s.expect(c, "3probe")
		s.ends(engineio.PingTimeout)
	})
}

func TestUpgrade(t *testing.T) {
	t.Parallel()
	s := start(t, engineio.Config{})
	q := s.session(polling)
	ws := strings.Replace(q, "polling", "websocket", 1)
	answer := make(chan string, 1)
	go func() { _, body := s.get(q); answer <- body }()
	testenv.WaitFor(t, patience, "the poll", func() bool { return s.h.last().Polled() })
	c := s.dial(ws)
	s.send(c, "2probe")
	s.expect(c, "3probe")
	if got := <-answer; got != "6" {
		t.Errorf("the poll that waited: %q", got)
	}
	if status, got := s.get(q); status != 200 || got != "6" {
		t.Errorf("a poll in the middle: %d %q", status, got)
	}
	s.post(q, "4between")
	second := s.dial(ws)
	if _, _, err := second.ReadMessage(); err == nil {
		t.Error("a second upgrade is not closed")
	}
	s.send(c, "5")
	s.expect(c, "4between") // queued for whoever comes
	for method, status := range map[string]int{"GET": 400, "POST": 400} {
		if got, _ := s.do(t.Context(), method, q, "", strings.NewReader("4x")); got != status {
			t.Errorf("%s after the upgrade: %d", method, got)
		}
	}
	third := s.dial(ws)
	if _, _, err := third.ReadMessage(); err == nil {
		t.Error("an upgrade after the upgrade is not closed")
	}
	s.send(c, "4hello")
	s.expect(c, "4hello")
}

func TestUpgradeThatFailsLeavesPolling(t *testing.T) {
	t.Parallel()
	s := start(t, engineio.Config{UpgradeTimeout: 200 * time.Millisecond})
	q := s.session(polling)
	ws := strings.Replace(q, "polling", "websocket", 1)
	for _, say := range [][]string{{"4x"}, {"2probe", "4x"}, {}, {"2probe"}} {
		c := s.dial(ws)
		for _, text := range say {
			s.send(c, text)
		}
		for {
			if _, _, err := c.ReadMessage(); err != nil {
				break
			}
		}
		testenv.WaitFor(t, patience, "polling alone", func() bool { return !s.h.last().Upgrading() })
		s.post(q, "4still here")
		if _, got := s.get(q); got != "4still here" {
			t.Errorf("after %q: %q", say, got)
		}
	}
}

func TestLimitOfConnectionsOfAnAddress(t *testing.T) {
	t.Parallel()
	s := start(t, engineio.Config{ConnsPerAddress: 2})
	first := s.session(polling)
	c := s.dial("EIO=4&transport=websocket")
	if status, body := s.get(polling); status != 429 || !strings.Contains(body, "Too many connections") {
		t.Errorf("%d %s", status, body)
	}
	_ = c.Close()
	s.post(first, "1")
	_, _ = s.get(first)
	testenv.WaitFor(t, patience, "both to end", func() bool { return s.srv.Connections() == 0 })
	s.session(polling)
}

func TestSlowConsumers(t *testing.T) {
	t.Parallel()
	for _, cfg := range []engineio.Config{{QueueMessages: 10}, {QueueBytes: 10_000}} {
		s := start(t, cfg)
		s.session(polling) // and never polls
		for range 11 {
			s.h.last().Send(false, engineio.Text(strings.Repeat("x", 1000)))
		}
		s.ends(engineio.SlowConsumer)
		if s.srv.SlowConsumers() != 1 {
			t.Errorf("counted %d", s.srv.SlowConsumers())
		}
	}
}

func TestTransportsAndHandshakesCanBeRefused(t *testing.T) {
	t.Parallel()
	s := start(t, engineio.Config{Transports: []string{engineio.WebSocket}, Allow: func(r *http.Request) error {
		if r.URL.Query().Get("token") == "" {
			return fmt.Errorf("no token")
		}
		return nil
	}})
	if status, body := s.get(polling); status != 400 || !strings.Contains(body, "Transport unknown") {
		t.Errorf("%d %s", status, body)
	}
	_, resp, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(s.url, "http")+"/?EIO=4&transport=websocket", nil)
	if err == nil || resp.StatusCode != 403 {
		t.Errorf("%v %v", err, resp)
	}
	s.dial("EIO=4&transport=websocket&token=x")
}

func TestLimitOfConnectionsOfANetwork(t *testing.T) {
	t.Parallel()
	s := engineio.New(engineio.Config{ConnsPerAddress: 1, PingInterval: time.Hour, Log: slog.New(slog.DiscardHandler)}, &echo{})
	t.Cleanup(func() {
		for _, c := range s.All() {
			c.Cut()
		}
	})
	for _, tc := range []struct {
		address string
		status  int
	}{
		{"192.0.2.1:1", 200}, {"192.0.2.1:2", 429}, {"[::ffff:192.0.2.1]:3", 429}, {"192.0.2.2:1", 200},
		{"[2001:db8::1]:1", 200}, {"[2001:db8::ffff:2]:1", 429}, {"[2001:db8:0:1::1]:1", 200}, {"@", 200},
	} {
		r := httptest.NewRequest("GET", "/?"+polling, nil)
		r.RemoteAddr = tc.address
		w := httptest.NewRecorder()
		if s.ServeHTTP(w, r); w.Code != tc.status {
			t.Errorf("%s: %d %s", tc.address, w.Code, w.Body)
		}
	}
}
