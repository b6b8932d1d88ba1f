package socketio_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/example/switchyard/internal/auth"
	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/cors"
	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/internal/metrics"
	"github.com/example/switchyard/internal/rawsio"
	"github.com/example/switchyard/internal/schema"
	"github.com/example/switchyard/transport/socketio"
	"github.com/example/switchyard/transport/socketio/engineio"
	"github.com/example/switchyard/transport/socketio/sockets"
)

// hall is a namespace whose use case is asked about each socket, and told when it has
// gone, or when it has left a room.
func hall(perRoom bool) []contract.Route {
	n := contract.Namespace{Name: "/hall", Doc: "A hall.", OnConnect: "hall.enter", OnDisconnect: "hall.gone"}
	enter := contract.Command[contract.Connecting, contract.None]{Namespace: n, Operation: "hall.enter", Internal: true, Doc: "Enter."}
	all := []contract.Route{enter.Handle(func(context.Context, contract.Connecting) (contract.None, []contract.Effect, error) {
		return contract.None{}, nil, nil
	})}
	if perRoom {
		gone := contract.Command[contract.Departure, contract.None]{Namespace: n, Operation: "hall.gone", Internal: true, Doc: "Gone."}
		return append(all, gone.Handle(func(context.Context, contract.Departure) (contract.None, []contract.Effect, error) {
			return contract.None{}, nil, nil
		}))
	}
	gone := contract.Command[contract.Disconnected, contract.None]{Namespace: n, Operation: "hall.gone", Internal: true, Doc: "Gone."}
	return append(all, gone.Handle(func(context.Context, contract.Disconnected) (contract.None, []contract.Effect, error) {
		return contract.None{}, nil, nil
	}))
}

// startHall starts a gateway with a hall.
func startHall(t *testing.T, perRoom bool) (*fakeLanes, string) {
	t.Helper()
	c, err := schema.Compile(contract.NewCatalog(hall(perRoom)))
	if err != nil {
		t.Fatal(err)
	}
	lanes, cfg := &fakeLanes{}, sockets.Config{Engine: engineio.Config{AllowEIO3: true}}
	web := httptest.NewServer(socketio.New(c, lanes, auth.New(auth.Config{Mode: auth.None}), cors.Policy{}, cfg, metrics.New(), slog.New(slog.DiscardHandler)))
	t.Cleanup(web.Close)
	return lanes, web.URL
}

// Whom the use case lets in too late is refused and has gone, whether the late reply
// comes before its timeout or after it.
func TestALateReplyLetsNobodyIn(t *testing.T) {
	t.Parallel()
	late := broker.Reply{Late: true, Body: []byte(`{}`), Join: []contract.Room{"row"}}
	timeout := broker.Reply{Code: fault.Timeout, Body: []byte(`{"code":"timeout"}`)}
	for name, tc := range map[string]struct {
		perRoom bool
		replies []broker.Reply
		told    string
	}{
		"first, of sockets":  {false, []broker.Reply{late, timeout}, `{"reason":"connection closed"}`},
		"first, of rooms":    {true, []broker.Reply{late, timeout}, `{"room":"row","reason":"connection closed"}`},
		"second, of sockets": {false, []broker.Reply{timeout, late}, `{"reason":"connection closed"}`},
		"second, of rooms":   {true, []broker.Reply{timeout, late}, `{"room":"row","reason":"connection closed"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lanes, url := startHall(t, tc.perRoom)
			client := rawsio.Dial(t, url)
			refused := make(chan error, 1)
			go func() { refused <- client.TryOpen("/hall", `{"user":"alice"}`) }()
			_, answer := lanes.command(t, 0)
			for _, r := range tc.replies {
				answer(r)
			}
			if err := <-refused; err == nil || !strings.Contains(err.Error(), `"timeout"`) {
				t.Errorf("it is refused with %v", err)
			}
			var told []string
			for _, command := range lanes.departures(t, 1) {
				told = append(told, string(command.Input))
			}
			if diff := cmp.Diff([]string{tc.told}, told); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Wherever a client puts its secrets, they are not on the lanes.
func TestSecretsOfHandshakesAreNotWritten(t *testing.T) {
	t.Parallel()
	lanes, url := startHall(t, true)
	old := rawsio.Dial3(t, url)
	old.Send("40/hall?user=alice&token=s3cret&row=7,")
	got, _ := lanes.command(t, 0)
	if input := string(got.Input); strings.Contains(input, "s3cret") || !strings.Contains(input, `"row":"7"`) {
		t.Errorf("of protocol 3: %s", input)
	}
	// What Dial adds is then the end of a value.
	c := rawsio.Dial(t, url+"/socket.io/?EIO=4&transport=websocket&token=s3cret&access_token=s3cret&lang=de&rest=",
		http.Header{"X-Agent": {"teapot"}, "Proxy-Authorization": {"s3cret"}, "X-Api-Key": {"s3cret"}, "Cookie": {"a=s3cret"}})
	c.Send(`40/hall,{"user":"alice","row":7,"apiKey":"s3cret","token":"s3cret","by":[{"sso":{"password":"s3cret","at":7.5}}]}`)
	got, _ = lanes.command(t, 1)
	input := string(got.Input)
	if strings.Contains(input, "s3cret") {
		t.Errorf("written was %s", input)
	}
	for _, want := range []string{`"row":7`, `"by":[{"sso":{"at":7.5}}]`, `"X-Agent":["teapot"]`, `"lang":["de"]`} {
		if !strings.Contains(input, want) {
			t.Errorf("%s is not in %s", want, input)
		}
	}
}
