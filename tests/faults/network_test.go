package faults

import (
	"fmt"
	"testing"
	"time"

	"github.com/example/switchyard/internal/testenv"
	"github.com/example/switchyard/tests/faults/proxy"
)

// Redis does what it is told, and its answer is lost: to commands that are sent, to
// commits and leases, and to reads.
func TestAnswersLost(t *testing.T) {
	t.Parallel()
	for name, lost := range map[string]struct {
		word string
		n    int // in a row
	}{
		"to commands": {"\r\nXADD\r\n", 3}, "to scripts": {"\r\nevalsha\r\n", 3}, "to reads": {"\r\nxread\r\n", 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			redis := startRedis(t)
			a, b := launchProxied(t, redis, "a"), launchProxied(t, redis, "b")
			l := newLoad(t, redis, loadOptions{}, a, b)
			l.fault = time.Now()
			for range 3 {
				for _, n := range []*node{a, b} {
					n.redis.LoseAnswers(lost.word, lost.n)
					testenv.WaitFor(t, 10*time.Second, "answers to be lost", func() bool { return n.redis.Lost() == lost.n })
					l.flows(100) // or all tries of one thing fail
				}
			}
			l.run(time.Second)
			l.judge(b)
		})
	}
}

// A node loses Redis: its connections break, or nothing comes through them any more,
// in one direction or both. Its clients are told, others take over its work, and when
// the network is back, so is the node.
func TestNodeCutOff(t *testing.T) {
	t.Parallel()
	for name, cut := range map[string]func(*proxy.Proxy){
		"cut":                   (*proxy.Proxy).Cut,
		"half open":             func(p *proxy.Proxy) { p.Hold(proxy.Both) },
		"half open to Redis":    func(p *proxy.Proxy) { p.Hold(proxy.ToServer) },
		"half open to the node": func(p *proxy.Proxy) { p.Hold(proxy.ToClient) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			redis := startRedis(t)
			a, b, c := launchProxied(t, redis, "a"), launch(t, redis, "b"), launch(t, redis, "c")
			off := newLoad(t, redis, loadOptions{name: "a-", clients: 8}, a)
			on := newLoad(t, redis, loadOptions{clients: 16}, b, c)
			off.hear(b)
			cutOff := on.hear(a)
			begin := time.Now()
			on.fault = begin
			cut(a.redis)
			testenv.WaitFor(t, 10*time.Second, "the node not to be ready", func() bool { return a.Status("/readyz") == 503 })
			within(t, "/readyz 503", time.Since(begin), 3*time.Second)
			on.run(8*time.Second - time.Since(begin))
			cutOff.willGo() // a was taken for dead, and hears first what came until now
			a.redis.Heal()
			off.fault = time.Now()
			a.Ready()
			off.flows(50)
			on.run(2 * time.Second)
			within(t, "takeover", on.judge(b, "timeout").Recovery, 4*time.Second)
			within(t, "recovery", off.judge(a, outage...).Recovery, 5*time.Second)
		})
	}
}

// A node is told to end when its connections to Redis have only just come back: it sends
// nobody away before it has brought what came meanwhile.
func TestNodeEndsBehind(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	a, b := launchProxied(t, redis, "a"), launch(t, redis, "b")
	l := prepareLoad(t, redis, loadOptions{}, b)
	l.hear(a)
	l.hear(b)
	l.begin()
	a.redis.Cut()
	l.run(3 * time.Second)
	a.redis.Heal()
	a.Terminate()
	l.judge(b, "timeout")
}

// The connections to Redis that a node has go half open, again and again, and new ones
// work: what was sent before comes late, and not after what was sent behind it.
func TestConnectionsHalfOpen(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	a, b := launchProxied(t, redis, "a"), launchProxied(t, redis, "b")
	l := newLoad(t, redis, loadOptions{window: 8}, a, b)
	l.fault = time.Now()
	for range 3 {
		a.redis.HoldOpen(proxy.Both)
		l.run(2500 * time.Millisecond)
		a.redis.Heal()
		l.flows(50)
	}
	l.judge(b, outage...)
}

// Redis is far away.
func TestLatency(t *testing.T) {
	t.Parallel()
	for _, latency := range []time.Duration{time.Millisecond, 20 * time.Millisecond, 100 * time.Millisecond} {
		t.Run(fmt.Sprint(latency), func(t *testing.T) {
			t.Parallel()
			redis := startRedis(t)
			a, b := launchProxied(t, redis, "a"), launchProxied(t, redis, "b")
			for _, n := range []*node{a, b} {
				n.redis.Delay(latency)
			}
			l := newLoad(t, redis, loadOptions{}, a, b)
			l.fault = time.Now()
			l.run(3 * time.Second)
			l.judge(b)
		})
	}
}
