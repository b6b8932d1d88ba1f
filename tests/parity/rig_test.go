// Package parity proves on whole nodes what docs/parity.md says: each test brings a
// catalog of its own, serves it on nodes that share a Redis, and talks to them with
// real clients. Gateways hold the sockets and workers run the handlers, so that all
// that is said crosses the lanes. Start at serve.
package parity

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/example/switchyard/internal/auth"
	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/config"
	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/emitter"
	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/internal/node"
	"github.com/example/switchyard/internal/rawsio"
	"github.com/example/switchyard/internal/schema"
	"github.com/example/switchyard/internal/testenv"
	web "github.com/example/switchyard/transport/http"
	"github.com/example/switchyard/transport/socketio"
)

func TestMain(m *testing.M) {
	for _, s := range config.Table() { // the settings of whoever runs the tests are not meant
		_ = os.Unsetenv(s.Name)
	}
	os.Exit(m.Run())
}

// serve starts gateways, and one worker, of a service, and returns the URLs of the
// gateways. The catalog is made once for each node, as in processes of their own.
func serve(t *testing.T, gateways int, catalog func() *contract.Catalog) []string {
	t.Helper()
	redis := testenv.Redis(t)
	start(t, redis, "worker", "worker", catalog())
	var urls []string
	for i := range gateways {
		urls = append(urls, start(t, redis, "gateway", fmt.Sprint("gateway", i+1), catalog()))
	}
	return urls
}

// start starts one node, put together as wire.go does.
func start(t *testing.T, redis, role, name string, catalog *contract.Catalog) string {
	t.Helper()
	n := assemble(t, config.Config{
		HTTPAddr: "127.0.0.1:0", RedisURL: redis, NodeID: name, Role: role, AuthMode: auth.None,
		CommandTimeout: 20 * time.Second, Partitions: 4, IdempotencyTTL: config.Period(time.Hour),
	}, catalog)
	server := httptest.NewServer(n.Handler())
	if err := n.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := n.Stop(ctx); err != nil {
			t.Errorf("stop %s: %v", name, err)
		}
		server.Close()
	})
	return server.URL
}

func assemble(t *testing.T, cfg config.Config, catalog *contract.Catalog) *node.Node {
	t.Helper()
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	compiled, err := schema.Compile(catalog)
	if err != nil {
		t.Fatal(err)
	}
	redis, closeRedis, err := node.OpenRedis(t.Context(), cfg, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(closeRedis)
	lanes, err := node.NewLanes(node.LanesConfig(cfg), redis, log)
	if err != nil {
		t.Fatal(err)
	}
	n := &node.Node{
		Config: cfg, Log: log, Redis: redis, Lanes: lanes, Gateway: broker.NewGateway(lanes),
		Worker: broker.NewWorker(lanes, node.NewHandlers(compiled)), Health: web.NewHealth(log),
	}
	authenticator, origins := node.Authenticator(cfg), node.Origins(cfg)
	n.Sockets = socketio.New(compiled, n.Gateway, authenticator, origins, node.SocketsConfig(cfg), log)
	n.Emitter = emitter.New(n.Sockets, node.LanesConfig(cfg))
	if n.Public, err = web.New(compiled, n.Gateway, authenticator, origins, n.Sockets, n.Health, log); err != nil {
		t.Fatal(err)
	}
	n.Admin = node.NewAdmin(n.Sockets, n.Worker, n.Gateway)
	return n
}

// routes makes a catalog of routes.
func routes(all ...contract.Route) func() *contract.Catalog {
	return func() *contract.Catalog { return contract.NewCatalog(all) }
}

// join connects a client to a namespace.
func join(t *testing.T, url, namespace, auth string) *rawsio.Client {
	t.Helper()
	c := rawsio.Dial(t, url)
	c.Connect(namespace, auth)
	return c
}

// wantCode fails if an answer is not a problem with this code.
func wantCode(t *testing.T, answer string, code fault.Code) {
	t.Helper()
	var p fault.Problem
	if err := json.Unmarshal([]byte(answer), &p); err != nil || p.Kind != "error" || p.Code != code {
		t.Errorf("answered %s, want the problem %s", answer, code)
	}
}

// want fails if something said is not this.
func want(t *testing.T, said, wanted string) {
	t.Helper()
	if said != wanted {
		t.Errorf("heard %s, want %s", said, wanted)
	}
}
