package engineio_test

import (
	"context"
	"encoding/json"
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
