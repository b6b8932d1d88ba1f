package socketio_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/example/switchyard/internal/auth"
	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/cors"
	"github.com/example/switchyard/internal/metrics"
	"github.com/example/switchyard/internal/schema"
	"github.com/example/switchyard/transport/socketio"
	"github.com/example/switchyard/transport/socketio/engineio"
	"github.com/example/switchyard/transport/socketio/sockets"
)

// Clients of protocol 3 are in "/" before they say who they are.
func TestTheMainNamespaceIsNotForProtocol3(t *testing.T) {
	t.Parallel()
	ring := contract.Command[contract.None, contract.None]{Namespace: contract.Namespace{Name: "/", Doc: "Main."}, Event: "ring", Operation: "main.ring", Doc: "Ring."}
	c, err := schema.Compile(contract.NewCatalog([]contract.Route{ring.Handle(func(context.Context, contract.None) (contract.None, []contract.Effect, error) {
		return contract.None{}, nil, nil
	})}))
	if err != nil {
		t.Fatal(err)
	}
	for _, old := range []bool{true, false} {
		cfg := sockets.Config{Engine: engineio.Config{AllowEIO3: old}}
		g := socketio.New(c, &fakeLanes{}, auth.New(auth.Config{Mode: auth.None}), cors.Policy{}, cfg, metrics.New(), slog.New(slog.DiscardHandler))
		if err := g.Check(); (err != nil) != old || old && !strings.Contains(err.Error(), "set SOCKET_EIO3=false") {
			t.Errorf("protocol 3 %t: %v", old, err)
		}
	}
}
