package rawsio

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"strings"
	"sync"
	"testing"
	"time"
)

const separator = "\x1e"

// A Session is a connection that began with polling and can be upgraded.
type Session struct {
	*Client
	url    string
	http   *http.Client // keeps the cookies of a load balancer
	sid    string
	ctx    context.Context
	paused chan struct{} // closed by Upgrade: no further poll
	idle   chan struct{} // closed when the last poll has returned
	mu     sync.Mutex
}

// Poll opens a connection over HTTP long polling.
func Poll(t testing.TB, url string) *Session {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &Session{ctx: ctx, http: &http.Client{Timeout: 3 * Patience, Jar: jar}, Client: newClient(t), url: url + "/socket.io/?EIO=4&transport=polling", paused: make(chan struct{}), idle: make(chan struct{})}
	open, err := s.get()
	if err != nil || !strings.HasPrefix(open, "0") {
		t.Fatalf("open: %q %v", open, err)
	}
	var v struct{ Sid string }
	if err := json.Unmarshal([]byte(open[1:]), &v); err != nil {
		t.Fatal(err)
	}
	s.sid = v.Sid
	s.url += "&sid=" + v.Sid
	s.send = s.post
	s.quit = cancel
	t.Cleanup(cancel)
	t.Cleanup(func() { s.Close() })
	go s.poll()
	return s
}

func (s *Session) poll() {
	defer close(s.idle)
	for {
		select {
		case <-s.paused:
			return
		default:
		}
		body, err := s.get()
		if err != nil {
			s.change(func() { s.closed = err })
			return
		}
		for p := range strings.SplitSeq(body, separator) {
			if p == "1" {
				s.change(func() { s.closed = io.EOF })
				return
			}
			s.hear(p)
		}
	}
}

func (s *Session) get() (string, error) { return s.request(http.MethodGet, "") }

func (s *Session) post(packet string) error {
	s.mu.Lock() // one at a time, as the protocol wants
	defer s.mu.Unlock()
	body, err := s.request(http.MethodPost, packet)
	if err == nil && body != "ok" {
		err = fmt.Errorf("answer %.100q", body)
	}
	return err
}

func (s *Session) request(method, body string) (string, error) {
	r, err := http.NewRequestWithContext(s.ctx, method, s.url, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "text/plain;charset=UTF-8")
	}
	return answer(s.http.Do(r))
}

func answer(resp *http.Response, err error) (string, error) {
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", resp.Status, b)
	}
	return string(b), err
}

// Upgrade moves the connection to a websocket, as socket.io-client does: probe,
// pause polling, upgrade. Whatever is sent meanwhile goes out over one of them.
func (s *Session) Upgrade() {
	s.t.Helper()
	base, _, _ := strings.Cut(s.url, "/socket.io/")
	up, err := dial(s.t, base, "/socket.io/?EIO=4&sid="+s.sid)
	if err != nil {
		s.t.Fatal(err)
	}
	up.Send("2probe")
	up.until("the answer to the probe", func() bool { return len(up.heard) > 0 && up.heard[0] == "3probe" })
	close(s.paused)
	select {
	case <-s.idle: // the server ends the pending poll with a noop
	case <-time.After(Patience):
		s.t.Fatal("the server did not end the pending poll")
	}
	s.mu.Lock()
	up.Send("5")
	s.send, s.raw = up.send, up.raw
	s.mu.Unlock()
	s.quit = up.quit
	// What the websocket hears from now on belongs to this session.
	go func() {
		for seen := 1; ; {
			up.mu.Lock()
			heard, closed, changed := up.heard[seen:], up.closed, up.changed
			up.mu.Unlock()
			seen += len(heard)
			for _, p := range heard {
				s.hear(p)
			}
			if closed != nil {
				s.change(func() { s.closed = closed })
				return
			}
			<-changed
		}
	}()
}
