package node_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/config"
	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/node"
	"github.com/example/switchyard/internal/redisconn"
	"github.com/example/switchyard/internal/testenv"
	web "github.com/example/switchyard/transport/http"
)

// worker is a node without use cases, whose public address is the one given.
func worker(t *testing.T, rdb *redis.Client, address string) *node.Node {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	lanes, err := broker.NewLanes(broker.Config{Node: "n"}, rdb, rdb, log)
	if err != nil {
		t.Fatal(err)
	}
	return &node.Node{
		Config: config.Config{Role: "worker", HTTPAddr: address, AdminAddr: config.Off, DrainDelay: time.Minute},
		Log:    log, Redis: &redisconn.Clients{Commands: rdb}, Lanes: lanes, Health: web.NewHealth(log),
		Gateway: broker.NewGateway(lanes), Worker: broker.NewWorker(lanes, broker.NewHandlers(contract.NewCatalog(nil))),
	}
}

// Whoever is asked to end while it starts has not failed.
func TestAskedToEndBeforeTheStart(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := worker(t, testenv.Client(t, testenv.Embedded(t)), "127.0.0.1:0").Run(ctx); err != nil {
		t.Error(err)
	}
}

func TestAFailedStartLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	rdb := testenv.Client(t, testenv.Embedded(t))
	if err := rdb.Set(t.Context(), "partitions", "99", 0).Err(); err != nil {
		t.Fatal(err)
	}
	address := fmt.Sprint("127.0.0.1:", testenv.FreePort(t))
	n := worker(t, rdb, address)
	begin := time.Now()
	if err := n.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "PARTITIONS") {
		t.Errorf("Run: %v", err)
	}
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("it took %s: nobody has to notice that it goes", took)
	}
	ready := httptest.NewRecorder()
	n.Handler().ServeHTTP(ready, httptest.NewRequest("GET", "/readyz", nil))
	if ready.Code != 503 {
		t.Errorf("it is ready: %d", ready.Code)
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatalf("the port is still taken: %v", err)
	}
	l.Close()
}
