package admin

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/rawsio"
	"github.com/example/switchyard/internal/testenv"
	"github.com/example/switchyard/transport/socketio/engineio"
	"github.com/example/switchyard/transport/socketio/sockets"
)

// signIn is several arguments, one of them a secret by its tag alone.
type signIn struct {
	contract.Args
	Name string `json:"name"`
	Word string `json:"word" secret:"true"`
}

// greeter answers each event with one of several arguments.
type greeter struct{ sockets.Handler }

func (greeter) Connect(*sockets.Socket) error { return nil }

func (greeter) Event(s *sockets.Socket, e sockets.Event) {
	s.Emit("welcome", sockets.Payload{JSON: json.RawMessage(`{"name":"alice","word":"hunter2"}`), Spread: true})
	s.Done()
	s.Ack(e.Ack, sockets.JSON(json.RawMessage(`1`)))
	s.Answered()
}

func (greeter) Disconnect(*sockets.Socket, string) {}

// Of several arguments those are left out whose names say that they are secrets, although
// the wire has no names.
func TestSecretArgumentsAreNotShown(t *testing.T) {
	t.Parallel()
	org := contract.Namespace{Name: "/org-{org}", Doc: "One of many."}
	login := contract.Command[signIn, contract.None]{Namespace: org, Event: "login", Operation: "org.login", Doc: "Log in."}
	r := NewRecord(contract.NewCatalog([]contract.Route{login.Handle(func(context.Context, signIn) (contract.None, []contract.Effect, error) {
		return contract.None{}, nil, nil
	})}))
	srv := sockets.New(sockets.Config{
		Watcher: r, Dynamic: func(string) bool { return true }, Engine: engineio.Config{Log: slog.New(slog.DiscardHandler)},
	}, nil, greeter{})
	web := httptest.NewServer(srv)
	t.Cleanup(func() {
		testenv.WaitFor(t, rawsio.Patience, "the connection to end", func() bool { return srv.Connections() == 0 })
		web.Close()
	})
	c := rawsio.Dial(t, web.URL)
	c.Connect("/org-1", "")
	for _, args := range []string{`"alice","hunter2"`, `"alice"`, `"alice","hunter2",1`} {
		c.Call("/org-1", "login", args)
	}
	c.Call("/org-1", contract.Refresh, `"hunter2"`)
	c.Call("/org-1", "unknown", `"alice"`)
	c.Close()

	var got []string
	entries, _, _ := r.since(0)
	for _, e := range entries {
		var args []json.RawMessage
		if json.Unmarshal(e.Args, &args) == nil && (e.Event == "event_received" || e.Event == "event_sent") {
			got = append(got, string(args[2]))
		}
	}
	welcome := `["welcome","alice","[redacted]"]`
	if diff := cmp.Diff([]string{
		`["login","alice","[redacted]"]`, welcome, `["login","alice"]`, welcome, `["login","alice","[redacted]",1]`, welcome,
		`["auth.refresh","[redacted]"]`, welcome, `["unknown","alice"]`, welcome,
	}, got); diff != "" {
		t.Error(diff)
	}
}
