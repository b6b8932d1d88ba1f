// Package faults breaks whole nodes, their Redis and the network between them, and
// counts what clients notice: each row of the table in docs/guarantees.md is a test.
// Nodes are processes of the server as it is run, without the race detector. Start at
// TestNodeKilled.
package faults

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"testing"

	"github.com/example/switchyard/internal/siotest"
	"github.com/example/switchyard/tests/faults/proxy"
)

func TestMain(m *testing.M) {
	flag.Parse()
	if p := flag.Lookup("test.parallel"); p.Value.String() == fmt.Sprint(runtime.GOMAXPROCS(0)) { // nobody asked for it
		_ = p.Value.Set("3") // most of the time they wait
	}
	os.Exit(siotest.Main(m))
}

// A node is a process of the server.
type node struct {
	*siotest.Process
	redis *proxy.Proxy // its way to Redis, nil for a direct one
}

// launch starts a node and waits until it is ready.
func launch(t *testing.T, r *redisServer, name string, env ...string) *node {
	t.Helper()
	n := begin(t, "cmd/server", r.url(), name, env...)
	n.Ready()
	return n
}

// launchProxied starts a node whose way to Redis can be broken.
func launchProxied(t *testing.T, r *redisServer, name string, env ...string) *node {
	t.Helper()
	p, err := proxy.New(r.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	n := begin(t, "cmd/server", "redis://"+p.Address(), name, env...)
	n.redis = p
	n.Ready()
	return n
}

// begin starts a program as a node and waits for nothing.
func begin(t *testing.T, program, redisURL, name string, env ...string) *node {
	t.Helper()
	return &node{Process: siotest.Begin(t, program, name, append([]string{
		"REDIS_URL=" + redisURL, "SOCKET_RATE=off", "SOCKET_UNACKED=off", // the load is as large as it is
	}, env...)...)}
}
