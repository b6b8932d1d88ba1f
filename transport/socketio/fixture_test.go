package socketio_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/example/switchyard/internal/auth"
	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/cors"
	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/internal/metrics"
	"github.com/example/switchyard/internal/schema"
	"github.com/example/switchyard/internal/testenv"
	"github.com/example/switchyard/transport/socketio"
	"github.com/example/switchyard/transport/socketio/sockets"
)

var ns = contract.Namespace{Name: "/board", Doc: "Boards.", OnDisconnect: "board.gone"}

type writeInput struct {
	Board string `json:"board" minLength:"1" maxLength:"8"`
	Line  int    `json:"line,omitempty" minimum:"0"`
	Text  string `json:"text,omitempty" maxLength:"4000"`
}

func routes() []contract.Route {
	write := contract.Command[writeInput, contract.None]{
		Namespace: ns, Event: "write", Operation: "board.write", Doc: "Write.", Timeout: 3 * time.Second,
		Key:            func(in writeInput) string { return "board " + in.Board },
		IdempotencyKey: func(in writeInput) string { return "once" },
		Guards: []contract.Guard[writeInput]{{Name: "no-guests", Allow: func(c contract.Caller, in writeInput) error {
			switch {
			case in.Board == "panic":
				panic("secret")
			case in.Board == "fail":
				return errors.New("secret")
			case strings.HasPrefix(c.UserID, "guest-"):
				return fault.New(fault.Forbidden, "guests may not write")
			}
			return nil
		}}},
	}
	list := contract.Command[contract.None, contract.None]{Namespace: ns, Event: "list", Operation: "board.list", Doc: "List."}
	gone := contract.Command[contract.Departure, contract.None]{
		Namespace: ns, Operation: "board.gone", Doc: "Gone.", Internal: true,
		Key: func(d contract.Departure) string { return "board " + string(d.Room) },
	}
	nothing := func(context.Context, writeInput) (contract.None, []contract.Effect, error) {
		return contract.None{}, nil, nil
	}
	return []contract.Route{
		write.Handle(nothing),
		list.Handle(func(context.Context, contract.None) (contract.None, []contract.Effect, error) {
			return contract.None{}, nil, nil
		}),
		gone.Handle(func(context.Context, contract.Departure) (contract.None, []contract.Effect, error) {
			return contract.None{}, nil, nil
		}),
	}
}

// fakeLanes records commands; the test answers them.
type fakeLanes struct {
	mu   sync.Mutex
	sent []*broker.Command
	told []*broker.Command
	left []string // inputs of the commands of stays that ended without
	done map[*broker.Command]func(broker.Reply)
}

func (l *fakeLanes) Submit(c *broker.Command, done func(broker.Reply)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent = append(l.sent, c)
	if l.done == nil {
		l.done = map[*broker.Command]func(broker.Reply){}
	}
	l.done[c] = done
}

func (l *fakeLanes) Enter(c *broker.Command) (broker.Stay, error) { return &fakeStay{l, c}, nil }

// A fakeStay records its command when it ends with the connection.
type fakeStay struct {
	lanes   *fakeLanes
	command *broker.Command
}

func (s *fakeStay) Leave() {
	s.lanes.mu.Lock()
	defer s.lanes.mu.Unlock()
	s.lanes.left = append(s.lanes.left, string(s.command.Input))
}

func (s *fakeStay) End(input []byte) {
	c := *s.command
	c.Input = input
	s.lanes.mu.Lock()
	defer s.lanes.mu.Unlock()
	s.lanes.told = append(s.lanes.told, &c)
}

// command waits for the nth command and returns it with the function that answers.
func (l *fakeLanes) command(t *testing.T, n int) (*broker.Command, func(broker.Reply)) {
	t.Helper()
	var c *broker.Command
	var done func(broker.Reply)
	testenv.WaitFor(t, 20*time.Second, "a command", func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		if len(l.sent) <= n {
			return false
		}
		c = l.sent[n]
		done = l.done[c]
		return true
	})
	return c, done
}

func (l *fakeLanes) departures(t *testing.T, n int) []*broker.Command {
	t.Helper()
	testenv.WaitFor(t, 20*time.Second, "departures", func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return len(l.told) >= n
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.told
}

func start(t *testing.T) (*socketio.Gateway, *fakeLanes, string) {
	t.Helper()
	return startWith(t, sockets.Config{})
}

func startWith(t *testing.T, cfg sockets.Config) (*socketio.Gateway, *fakeLanes, string) {
	t.Helper()
	c, err := schema.Compile(contract.NewCatalog(routes()))
	if err != nil {
		t.Fatal(err)
	}
	lanes := &fakeLanes{}
	g := socketio.New(c, lanes, auth.New(auth.Config{Mode: auth.None}), cors.Policy{}, cfg, metrics.New(), slog.New(slog.DiscardHandler))
	web := httptest.NewServer(g)
	t.Cleanup(web.Close)
	return g, lanes, web.URL
}
