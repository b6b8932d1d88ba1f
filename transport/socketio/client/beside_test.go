package client_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/example/switchyard/transport/socketio/client"
)

// A handler may call a command whose use case asks this very client.
func TestAQuestionDoesNotWaitForAHandler(t *testing.T) {
	t.Parallel()
	got := make(chan error, 1)
	dial(t, serve(t, func(p *peer) {
		p.admit()
		p.say(event("counted", 3))
		p.hear(`42/hall,0["square"`)
		p.say(`42/hall,5["guess",{"n":3}]`)
		p.hear(`43/hall,5[{"n":9}]`)
		p.say(`43/hall,0[{"n":9}]`)
		p.linger()
	}), client.Handlers(func(c *client.Client) {
		client.Answer(c, guess, func(_ context.Context, q number) (number, error) { return number{q.N * q.N}, nil })
		client.On(c, counted, func(n int) {
			_, err := client.Call(soon(t), c, square, number{n})
			got <- err
		})
	}))
	if err := within(t, "the call", got); err != nil {
		t.Error(err)
	}
}

// What was due to a handler that was stopped waits for Receive, where it came.
func TestWhatAStoppedHandlerLeavesIsReceived(t *testing.T) {
	t.Parallel()
	c := dial(t, serve(t, func(p *peer) {
		p.admit()
		p.say(event("counted", 0))
		p.say(event("counted", 1))
		p.say(event("other", 2))
		p.say(event("counted", 3))
		p.hear("42/hall,0")
		p.say(`43/hall,0[{}]`)
		p.hear("42/hall,1")
		p.say(event("counted", 4))
		p.say(`43/hall,1[{}]`)
		p.linger()
	}))
	began, release := make(chan int, 5), make(chan struct{})
	stop := client.On(c, counted, func(n int) { began <- n; <-release })
	if _, err := c.CallRaw(soon(t), "everything is said"); err != nil {
		t.Fatal(err)
	}
	if n := within(t, "the first event", began); n != 0 {
		t.Error(n)
	}
	stop()
	if _, err := c.CallRaw(soon(t), "one more"); err != nil {
		t.Fatal(err)
	}
	close(release)
	for _, want := range []string{"counted [1]", "other [2]", "counted [3]", "counted [4]"} {
		e, err := c.ReceiveRaw(soon(t))
		if got := fmt.Sprintf("%s %s", e.Name, e.Args); err != nil || got != want {
			t.Errorf("received %s %v, want %s", got, err, want)
		}
	}
	if len(began) > 0 {
		t.Error("it still runs")
	}
}

// A Receive that waits has what a stopped handler leaves.
func TestWhatAStoppedHandlerLeavesIsWaitedFor(t *testing.T) {
	t.Parallel()
	c := dial(t, serve(t, func(p *peer) {
		p.admit()
		p.say(event("counted", 0))
		p.say(event("counted", 1))
		p.hear("42/hall,0")
		p.say(`43/hall,0[{}]`)
		p.linger()
	}))
	began, release := make(chan int, 2), make(chan struct{})
	defer close(release)
	stop := client.On(c, counted, func(n int) { began <- n; <-release })
	if _, err := c.CallRaw(soon(t), "everything is said"); err != nil {
		t.Fatal(err)
	}
	within(t, "the first event", began)
	got := make(chan error, 1)
	go func() {
		n, err := client.Receive(soon(t), c, counted)
		if err == nil && n != 1 {
			err = fmt.Errorf("received %d", n)
		}
		got <- err
	}()
	stop()
	if err := within(t, "the second one", got); err != nil {
		t.Error(err)
	}
}

// A handler that another one has stopped has run for the last time.
func TestAHandlerStopsAnother(t *testing.T) {
	t.Parallel()
	ran := make(chan string, 10)
	dial(t, serve(t, func(p *peer) {
		p.admit()
		p.say(event("counted", 1))
		p.say(event("counted", 2))
		p.linger()
	}), client.Handlers(func(c *client.Client) {
		stop := func() {}
		client.On(c, counted, func(n int) { ran <- fmt.Sprint("first ", n); stop() })
		stop = client.On(c, counted, func(n int) { ran <- fmt.Sprint("second ", n) })
	}))
	for _, want := range []string{"first 1", "first 2"} {
		if got := within(t, "a handler", ran); got != want {
			t.Errorf("%s ran, want %s", got, want)
		}
	}
}
