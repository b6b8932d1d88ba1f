package sockets_test

import (
	"cmp"
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

	"github.com/example/switchyard/internal/rawsio"
	"github.com/example/switchyard/internal/testenv"
	"github.com/example/switchyard/transport/socketio/sockets"
)

// echo is the handler of these tests. It answers an event with its first argument,
// and does what some events are named after.
type echo struct {
	mu         sync.Mutex
	events     []string
	ended      []string // reasons
	rooms      []string // that sockets were in when they had gone
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
	case `{"closed":true}`:
		s.Close()
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

func (h *echo) Disconnect(s *sockets.Socket, reason string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ended = append(h.ended, reason)
	h.rooms = append(h.rooms, s.Rooms()...)
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
	e.Log = cmp.Or(e.Log, slog.New(slog.DiscardHandler))
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
