package socketio_test

import (
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/example/switchyard/internal/auth"
	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/cors"
	"github.com/example/switchyard/internal/emitter"
	"github.com/example/switchyard/internal/logging"
	"github.com/example/switchyard/internal/metrics"
	"github.com/example/switchyard/internal/rawsio"
	"github.com/example/switchyard/internal/schema"
	"github.com/example/switchyard/internal/testenv"
	"github.com/example/switchyard/transport/socketio"
	"github.com/example/switchyard/transport/socketio/sockets"
)

// lines is what was logged.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// The levels of sockets and of the connections below them are apart.
func TestSocketsAndConnectionsLogApart(t *testing.T) {
	t.Parallel()
	for levels, want := range map[string][2]bool{ // that a use case disconnected a socket (info), that a client broke the protocol (debug)
		"error,socketio=info": {true, false}, "error,engineio=debug": {false, true}, "debug": {true, true}, "info": {true, false},
	} {
		parsed, err := logging.ParseLevels(levels)
		if err != nil {
			t.Fatal(err)
		}
		c, err := schema.Compile(contract.NewCatalog(routes()))
		if err != nil {
			t.Fatal(err)
		}
		var out lines
		g := socketio.New(c, &fakeLanes{}, auth.New(auth.Config{Mode: auth.None}), cors.Policy{}, sockets.Config{}, metrics.New(), logging.New(&out, true, parsed))
		web := httptest.NewServer(g)
		client := rawsio.Dial(t, web.URL)
		client.Connect("/board", `{"user":"alice"}`)
		g.Disconnect("/board", emitter.Audience{Users: []string{"alice"}}, "why")
		client.Disconnected("/board")
		client.Send("9 is no packet")
		testenv.WaitFor(t, 20*time.Second+testenv.Late, "the connection to be closed", func() bool { return g.Connections() == 0 })
		web.Close()
		said := out.String()
		got := [2]bool{strings.Contains(said, "component=socketio"), strings.Contains(said, "component=engineio")}
		if got != want {
			t.Errorf("%s: sockets and connections logged %v, want %v:\n%s", levels, got, want, said)
		}
	}
}
