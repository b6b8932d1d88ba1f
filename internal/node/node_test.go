package node_test

import (
	"fmt"
	"log/slog"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/config"
	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/node"
	"github.com/example/switchyard/internal/redisconn"
	"github.com/example/switchyard/internal/testenv"
	web "github.com/example/switchyard/transport/http"
)

func TestAFailedStartLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	rdb := testenv.Client(t, testenv.Embedded(t))
	if err := rdb.Set(t.Context(), "partitions", "99", 0).Err(); err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	lanes, err := broker.NewLanes(broker.Config{Node: "n"}, rdb, rdb, log)
	if err != nil {
		t.Fatal(err)
	}
	address := fmt.Sprint("127.0.0.1:", testenv.FreePort(t))
	n := &node.Node{
		Config: config.Config{Role: "worker", HTTPAddr: address, AdminAddr: config.Off, DrainDelay: time.Minute},
		Log:    log, Redis: &redisconn.Clients{Commands: rdb}, Lanes: lanes, Health: web.NewHealth(log),
		Gateway: broker.NewGateway(lanes), Worker: broker.NewWorker(lanes, broker.NewHandlers(contract.NewCatalog(nil))),
	}
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
