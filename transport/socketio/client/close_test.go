package client_test

import (
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/testenv"
	"github.com/example/switchyard/transport/socketio/client"
	"github.com/example/switchyard/usecases/chat"
	"github.com/example/switchyard/usecases/tasks"
)

// Not parallel: it counts goroutines.
func TestNothingRunsAfterClose(t *testing.T) {
	url := serve(t, func(p *peer) {
		p.admit()
		p.say(event("counted", 1))
		p.linger()
	}, func(p *peer) { p.open(); p.linger() })
	c := dial(t, url)
	client.On(c, counted, func(int) { c.Close() }) // also from a handler
	within(t, "the end", c.Done())
	if _, err := client.Dial(soon(t), url, hall, client.Timeout(time.Millisecond)); !errors.Is(err, client.ErrTimeout) {
		t.Errorf("a server that says nothing to CONNECT: %v", err)
	}
	node, stop := startNode()
	defer stop()
	for _, transports := range [][]string{{client.WebSocket}, {client.Polling}, {client.Polling, client.WebSocket}} {
		c, err := client.Dial(soon(t), node, chat.Namespace, client.Transports(transports...))
		if err != nil {
			t.Fatal(err)
		}
		jobs, err := c.Of(soon(t), tasks.Namespace)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Of(soon(t), contract.Namespace{Name: "/nothing"}); !errors.Is(err, client.ErrBadNamespace) {
			t.Errorf("no such namespace: %v", err)
		}
		c.Close()
		jobs.Close()
	}
	testenv.WaitFor(t, patience, "the goroutines to end", func() bool {
		stacks := make([]byte, 1<<20)
		return !strings.Contains(string(stacks[:runtime.Stack(stacks, true)]), "socketio/client.(*")
	})
}
