// Package siotest tests the service as its users see it: nodes, a Redis that it finds by
// itself, and typed clients, each in a line. docs/testing.md is the tour, the tests of
// this package are examples that run. It never sleeps: what it waits for has a deadline.
//
// A use case needs none of this: contracttest serves a command without a broker. What is
// here is for what lies between use case and client: guards, rooms, order, several nodes.
// Start at Start.
package siotest

import (
	"context"
	"fmt"
	"io"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	app "github.com/example/switchyard"
	"github.com/example/switchyard/internal/config"
	"github.com/example/switchyard/internal/node"
	"github.com/example/switchyard/internal/siotest/assemble"
	"github.com/example/switchyard/internal/testenv"
)

// A Server is a node inside the test, mounted in an HTTP server of the test's own.
type Server struct {
	Name     string // its NODE_ID
	URL      string
	RedisURL string     // empty: a Redis inside the node
	Node     *node.Node // for what clients cannot see

	t    testing.TB
	stop func() // once
}

// Start starts one node of the service, as wire.go makes it, or of another that options
// describe. It stops when the test ends, and a test that fails prints its log.
func Start(t testing.TB, options ...Option) *Server {
	t.Helper()
	return Cluster(t, 1, options...)[0]
}

// Cluster starts nodes that share a Redis, named node1, node2, … With Workers they hold
// the sockets, are named gateway1, gateway2, …, and other nodes run the use cases.
func Cluster(t testing.TB, nodes int, options ...Option) []*Server {
	t.Helper()
	s := setup{make: app.New}
	for _, o := range options {
		o(&s)
	}
	if s.redis == nil {
		url := testenv.Redis(t)
		s.redis = &url
	}
	if *s.redis == "" && nodes+s.workers > 1 {
		t.Fatalf("%d nodes cannot share a Redis that is inside one of them: give them one, or leave siotest.Redis out", nodes+s.workers)
	}
	role, name := "all", "node"
	if s.workers > 0 {
		role, name = "gateway", "gateway"
	}
	for i := range s.workers { // first, so that they stop last
		s.start(t, "worker", fmt.Sprint("worker", i+1))
	}
	var servers []*Server
	for i := range nodes {
		servers = append(servers, s.start(t, role, fmt.Sprint(name, i+1)))
	}
	return servers
}

// start starts one node.
func (s *setup) start(t testing.TB, role, name string) *Server {
	t.Helper()
	cfg := s.config(t, role, name)
	log := &logBook{}
	t.Cleanup(func() { log.print(t, cfg.NodeID) })
	n, closeAll, err := s.make(t.Context(), cfg, log)
	if err != nil {
		t.Fatalf("put %s together: %v", cfg.NodeID, err)
	}
	t.Cleanup(closeAll)
	for _, prepare := range s.prepare {
		prepare(n)
	}
	web := httptest.NewServer(n.Handler())
	t.Cleanup(web.Close)
	if err := n.Start(t.Context()); err != nil {
		t.Fatalf("start %s: %v", cfg.NodeID, err)
	}
	server := &Server{Name: cfg.NodeID, URL: web.URL, RedisURL: cfg.RedisURL, Node: n, t: t}
	server.stop = sync.OnceFunc(func() {
		ctx, cancel := context.WithTimeout(context.Background(), stopping)
		defer cancel()
		if err := n.Stop(ctx); err != nil {
			t.Errorf("stop %s: %v", cfg.NodeID, err)
		}
	})
	t.Cleanup(server.stop)
	return server
}

// Stop stops the node before the test ends, as SIGTERM does: it answers what it has
// accepted, and sends its clients away. To see a node crash, Launch a process and Kill it.
func (s *Server) Stop() {
	s.t.Helper()
	s.stop()
}

// config is the settings of a node.
func (s *setup) config(t testing.TB, role, name string) config.Config {
	t.Helper()
	cfg, err := config.Defaults()
	if err != nil {
		t.Fatal(err)
	}
	cfg.RedisURL, cfg.Role, cfg.NodeID = *s.redis, role, name
	cfg.CommandTimeout, cfg.LogFormat, cfg.CheckOutputs = patience, "text", 1
	cfg.Sockets.Rate, cfg.Sockets.Unacked = 0, 0
	for _, change := range s.changes {
		change(&cfg)
	}
	if err := cfg.Validate(); err != nil {
		t.Fatalf("the settings of %s are wrong:\n%v", name, err)
	}
	return cfg
}

// patience is how long anything here waits. A busy machine may take seconds for what
// else takes milliseconds; a test that passes never waits for so long.
const patience = 20 * time.Second

// An Option says in what a node differs from one of the service.
type Option func(*setup)

type setup struct {
	make    func(context.Context, config.Config, io.Writer) (*node.Node, func(), error)
	redis   *string // nil: one is found
	changes []func(*config.Config)
	prepare []func(*node.Node)
	workers int
}

// With changes the settings. They begin with the defaults of the README, whatever the
// environment says, but for what would make tests fragile: COMMAND_TIMEOUT is 20s,
// SOCKET_RATE and SOCKET_UNACKED are off. Of a cluster it is called for each node, which
// its NodeID names.
func With(change func(*config.Config)) Option {
	return func(s *setup) { s.changes = append(s.changes, change) }
}

// Prepare changes each node before it starts, where settings cannot: its Pages, its Hooks.
func Prepare(change func(*node.Node)) Option {
	return func(s *setup) { s.prepare = append(s.prepare, change) }
}

// Redis gives the nodes this Redis in place of one that testenv.Redis finds. Empty is the
// Redis inside a node, of which there can be only one.
func Redis(url string) Option { return func(s *setup) { s.redis = &url } }

// Workers starts so many more nodes, and has them alone run the use cases: then all that
// clients say and hear crosses the lanes.
func Workers(n int) Option { return func(s *setup) { s.workers = n } }

// Ports is what a node offers its use cases.
type Ports = assemble.Ports
