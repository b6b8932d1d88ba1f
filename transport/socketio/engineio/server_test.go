package engineio_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/example/switchyard/internal/testenv"
	"github.com/example/switchyard/transport/socketio/engineio"
)

const patience = 10 * time.Second

// echo sends back every message and writes down why connections ended.
type echo struct {
	mu    sync.Mutex
	conns []*engineio.Conn
	ended []string
}

type echoes struct {
	*echo
	conn *engineio.Conn
}

func (h *echo) Open(c *engineio.Conn) engineio.Receiver {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.conns = append(h.conns, c)
	return echoes{h, c}
}

func (e echoes) Message(data []byte, binary bool) {
	switch {
	case string(data) == "panic":
		panic("receiver")
	case binary:
		e.conn.Send(false, engineio.Binary(data))
	default:
		e.conn.Send(false, engineio.Text(string(data)))
	}
}

func (e echoes) Close(reason string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.ended = append(e.ended, reason)
}

func (h *echo) reasons() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.ended)
}

func (h *echo) last() *engineio.Conn {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.conns[len(h.conns)-1]
}

// opened is the n-th connection: a websocket may tell its client before it is handed over.
func (s *site) opened(n int) *engineio.Conn {
	s.t.Helper()
	var c *engineio.Conn
	testenv.WaitFor(s.t, patience, "the connection", func() bool {
		s.h.mu.Lock()
		defer s.h.mu.Unlock()
		if len(s.h.conns) >= n {
			c = s.h.conns[n-1]
		}
		return c != nil
	})
	return c
}

// A site is a server under test and its address.
type site struct {
	t   *testing.T
	srv *engineio.Server
	h   *echo
	url string
}

func start(t *testing.T, cfg engineio.Config) *site {
	t.Helper()
	h := &echo{}
	cfg.Log = slog.New(slog.DiscardHandler)
	srv := engineio.New(cfg, h)
	web := httptest.NewServer(srv)
	t.Cleanup(web.Close)
	t.Cleanup(func() {
		for _, c := range srv.All() {
			c.Close()
		}
	})
	return &site{t, srv, h, web.URL}
}

// do makes a request and returns the status and the body.
func (s *site) do(ctx context.Context, method, query, contentType string, body io.Reader) (int, string) {
	r, err := http.NewRequestWithContext(ctx, method, s.url+"/?"+query, body)
	if err != nil {
		s.t.Error(err)
		return 0, ""
	}
	r.Header.Set("Content-Type", contentType)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(b)
}

func (s *site) get(query string) (int, string) {
	return s.do(s.t.Context(), http.MethodGet, query, "", nil)
}

func (s *site) post(query, body string) (int, string) {
	return s.do(s.t.Context(), http.MethodPost, query, "text/plain;charset=UTF-8", strings.NewReader(body))
}

const polling = "EIO=4&transport=polling"

// session opens one with polling and returns the query of its requests.
func (s *site) session(query string) string {
	s.t.Helper()
	status, body := s.get(query)
	start := strings.IndexByte(body, '{')
	var opened struct{ SID string }
	if status != http.StatusOK || start < 0 || json.Unmarshal([]byte(body[start:]), &opened) != nil {
		s.t.Fatalf("open a session: %d %s", status, body)
	}
	return query + "&sid=" + url.QueryEscape(opened.SID)
}

func (s *site) dial(query string) *websocket.Conn {
	s.t.Helper()
	c, resp, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(s.url, "http")+"/?"+query, nil)
	if err != nil {
		s.t.Fatalf("dial: %v (%v)", err, resp)
	}
	s.t.Cleanup(func() { _ = c.Close() })
	if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
		s.t.Fatal(err)
	}
	return c
}

func (s *site) expect(c *websocket.Conn, want string) {
	s.t.Helper()
	if _, got, err := c.ReadMessage(); err != nil || string(got) != want {
		s.t.Fatalf("read %.100q (%v), want %.100q", got, err, want)
	}
}

func (s *site) send(c *websocket.Conn, text string) {
	s.t.Helper()
	if err := c.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) ends(reason string) {
	s.t.Helper()
	testenv.WaitFor(s.t, patience, "the end", func() bool { return len(s.h.reasons()) > 0 })
	if got := s.h.reasons(); got[0] != reason || len(got) != 1 {
		s.t.Errorf("ended with %v, want %s", got, reason)
	}
}

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

func TestPollingMessages(t *testing.T) {
	t.Parallel()
	s := start(t, engineio.Config{})
	long := strings.Repeat("x", 900_000)
	q := s.session(polling)
	for _, body := range []string{"4hello", "4a\x1e4b\x1e4c", "4hello\x1ebAQIDBA==", "4" + long, "4é😀"} {
		if status, answer := s.post(q, body); status != 200 || answer != "ok" {
			t.Fatalf("post: %d %s", status, answer)
		}
		if status, got := s.get(q); status != 200 || got != body {
			t.Errorf("%d %.50q, want %.50q", status, got, body)
		}
	}
}

func TestPollWaitsForAMessage(t *testing.T) {
	t.Parallel()
	s := start(t, engineio.Config{})
	q := s.session(polling)
	answer := make(chan string)
	go func() { _, body := s.get(q); answer <- body }()
	s.post(q, "4late")
	if got := <-answer; got != "4late" {
		t.Errorf("got %q", got)
	}
}

// Each of these ends its session, answers every request, and harms no other.
func TestPollingProtocolErrors(t *testing.T) {
	t.Parallel()
	chunked := func(n int) io.Reader {
		return io.MultiReader(strings.NewReader("4"), strings.NewReader(strings.Repeat("x", n)))
	}
	for name, tc := range map[string]struct {
		contentType string
		body        io.Reader
		status      int
		reason      string
	}{
		"unknown packet":    {"text/plain", strings.NewReader("abc"), 400, engineio.ParseError},
		"empty body":        {"text/plain", strings.NewReader(""), 400, engineio.ParseError},
		"empty packet":      {"text/plain", strings.NewReader("4a\x1e\x1e4b"), 400, engineio.ParseError},
		"ping of a client":  {"text/plain", strings.NewReader("2"), 400, engineio.TransportError},
		"octets":            {"application/octet-stream", strings.NewReader("4a"), 400, engineio.TransportError},
		"too long":          {"text/plain", strings.NewReader("4" + strings.Repeat("x", 2000)), 413, engineio.TransportError},
		"too long, chunked": {"text/plain", chunked(2000), 413, engineio.TransportError},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, engineio.Config{MaxPayload: 1000})
			q := s.session(polling)
			if status, body := s.do(t.Context(), "POST", q, tc.contentType, tc.body); status != tc.status {
				t.Errorf("%d %s", status, body)
			}
			s.ends(tc.reason)
			if status, _ := s.get(q); status != 400 {
				t.Errorf("poll after the end: %d", status)
			}
		})
	}
}

func TestOverlappingPollsEndTheSession(t *testing.T) {
	t.Parallel()
	s := start(t, engineio.Config{})
	q := s.session(polling)
	statuses, bodies := make(chan int, 2), make(chan string, 2)
	for range 2 {
		go func() {
			status, body := s.get(q)
			statuses <- status
			bodies <- body
		}()
	}
	got := []int{<-statuses, <-statuses}
	slices.Sort(got)
	if !slices.Equal(got, []int{200, 400}) {
		t.Errorf("answered %v", got)
	}
	if a, b := <-bodies, <-bodies; a != "1" && b != "1" {
		t.Errorf("answered %q and %q", a, b)
	}
	s.ends(engineio.TransportError)
}

func TestCancelledPollEndsTheSession(t *testing.T) {
	t.Parallel()
	s := start(t, engineio.Config{})
	q := s.session(polling)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { s.do(ctx, "GET", q, "", nil); close(done) }()
	testenv.WaitFor(t, patience, "the poll", func() bool { return s.h.last().Polled() })
	cancel()
	<-done
	s.ends(engineio.TransportError)
}

func TestClientSaysGoodbye(t *testing.T) {
	t.Parallel()
	t.Run("polling", func(t *testing.T) {
		t.Parallel()
		for _, pollFirst := range []bool{true, false} {
			s := start(t, engineio.Config{})
			q := s.session(polling)
			answer := make(chan string, 1)
			poll := func() { _, body := s.get(q); answer <- body }
			if pollFirst {
				go poll()
				testenv.WaitFor(t, patience, "the poll", func() bool { return s.h.last().Polled() })
			}
			if status, body := s.post(q, "1"); status != 200 {
				t.Errorf("%d %s", status, body)
			}
			if !pollFirst {
				poll()
			}
			if got := <-answer; got != "6" {
				t.Errorf("poll first %v: %q", pollFirst, got)
			}
			s.ends(engineio.TransportClose)
			if status, _ := s.get(q); status != 400 {
				t.Errorf("poll after the end: %d", status)
			}
		}
	})
	t.Run("websocket", func(t *testing.T) {
		t.Parallel()
		s := start(t, engineio.Config{})
		c := s.dial("EIO=4&transport=websocket")
		s.send(c, "1")
		s.ends(engineio.TransportClose)
	})
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

func TestProtocol3Polling(t *testing.T) {
	t.Parallel()
	s := start(t, engineio.Config{AllowEIO3: true})
	q := s.session("EIO=3&transport=polling")
	s.post(q, "7:4hé😀lo10:b4AQIDBA==")
	if status, got := s.get(q); status != 200 || got != "7:4hé😀lo10:b4AQIDBA==" {
		t.Errorf("%d %q", status, got)
	}
	if status, _ := s.do(t.Context(), "POST", q, "application/octet-stream", strings.NewReader("\x01\x03\xff\x04\x01\x02")); status != 200 {
		t.Error(status)
	}
	if _, got := s.get(q); got != "6:b4AQI=" {
		t.Errorf("%q", got)
	}
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

// The goodbye comes with a poll of its own: official clients close before they hand over
// what came in the same one.
func TestCloseSendsTheRestFirst(t *testing.T) {
	t.Parallel()
	s := start(t, engineio.Config{})
	q := s.session(polling)
	for i := range 3 {
		s.h.last().Send(false, engineio.Text(fmt.Sprint(i)))
	}
	s.h.last().Close()
	for _, want := range []string{"40\x1e41\x1e42", "1"} {
		if _, got := s.get(q); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	s.ends(engineio.ForcedClose)
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
