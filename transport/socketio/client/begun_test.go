package client

import (
	"context"
	"errors"
	"testing"

	"github.com/example/switchyard/internal/contract"
)

// alone is a client without a server that has a connection.
func alone(t *testing.T, o options) (*Client, *conn) {
	t.Helper()
	l, err := newLink("http://localhost", o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.cancel)
	c, k := newClient(l, "/hall", o), newConn(l, handshake{}, nil)
	c.conn = k
	return c, k
}

// A question that was answered is nobody's any more when what else heard of it has stopped.
func TestAQuestionIsAnsweredOnce(t *testing.T) {
	t.Parallel()
	c, k := alone(t, defaults())
	ask := contract.Ask[int, int]{Namespace: contract.Namespace{Name: "/hall"}, Name: "guess"}
	asked := make(chan struct{}, 2)
	answer := func() func() {
		return Answer(c, ask, func(_ context.Context, n int) (int, error) { asked <- struct{}{}; return n, nil })
	}
	stopOn, stopAnswer := c.OnRaw("guess", func(Raw) {}), answer()
	if err := c.event(k, Raw{Name: "guess", ack: 1}); err != nil { // due to the one, which nobody runs here
		t.Fatal(err)
	}
	<-asked
	stopOn()
	stopAnswer()
	c.mu.Lock()
	defer c.mu.Unlock()
	if due, kept, bytes := len(c.inbox.due), len(c.inbox.kept), c.inbox.bytes; due+kept+bytes != 0 {
		t.Errorf("%d are due and %d kept, of %d bytes", due, kept, bytes)
	}
}

// Failures wait for slow handlers as events do: not without bound.
func TestFailuresAreBounded(t *testing.T) {
	t.Parallel()
	o := defaults()
	o.events = 100
	c, _ := alone(t, o)
	c.OnError(func(error) {})
	for range 5 * o.events { // which nobody takes here
		c.fail(errors.New("no"))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := len(c.inbox.due); n != o.events {
		t.Errorf("%d wait, of %d at most", n, o.events)
	}
}
