package engineio_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/example/switchyard/internal/testenv"
	"github.com/example/switchyard/transport/socketio/engineio"
)

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

// Who is refused keeps no connection to a node that may be shutting down: the next attempt is
// to reach another one, whatever is between them.
func TestWhoIsRefusedKeepsNoConnection(t *testing.T) {
	t.Parallel()
	s := start(t, engineio.Config{Allow: func(*http.Request) error { return errors.New("not here") }})
	resp, err := http.Get(s.url + "/?" + polling)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != 403 || !resp.Close {
		t.Errorf("%s, closed: %t", resp.Status, resp.Close)
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
