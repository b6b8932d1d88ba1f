package faults

import (
	"fmt"
	"testing"
	"time"
)

// within fails the test when something took more than twice what is promised: the
// machine that tests run on is shared.
func within(t *testing.T, what string, took, promised time.Duration) {
	t.Helper()
	t.Logf("%s: %s, promised %s", what, took.Round(time.Millisecond), promised)
	if took > 2*promised {
		t.Errorf("%s took %s, promised are %s", what, took, promised)
	}
}

// A node is killed while it runs commands: nothing is lost or done twice, and the
// others take over.
func TestNodeKilled(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	a, b, c := launch(t, redis, "a"), launch(t, redis, "b"), launch(t, redis, "c")
	l := newLoad(t, redis, loadOptions{}, a, b, c)
	l.fault = time.Now()
	a.kill()
	l.run(6 * time.Second)
	v := l.judge(b, "closed")
	within(t, "takeover", v.Recovery, 4*time.Second)
}

// Every node is stopped and started again, one after the other, under load.
func TestRollingRestart(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	nodes := []*node{launch(t, redis, "a"), launch(t, redis, "b"), launch(t, redis, "c")}
	l := newLoad(t, redis, loadOptions{lasts: time.Minute}, nodes...)
	l.fault = time.Now()
	for i, n := range nodes {
		within(t, fmt.Sprintf("%s to end", n.name), n.terminate(), 25*time.Second/2)
		nodes[i] = launch(t, redis, n.name)
		l.hear(nodes[i])
		l.flows(100)
	}
	v := l.judge(nodes[0], "closed", "unavailable")
	within(t, "recovery", v.Recovery, 4*time.Second)
}

// A node is frozen for longer than its leases last, wakes up in the middle of its
// work, and changes nothing that others have done meanwhile. The load is on the other
// nodes: a process that is frozen answers nobody.
func TestNodeFrozen(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	a, b, c := launch(t, redis, "a"), launch(t, redis, "b"), launch(t, redis, "c")
	l := prepareLoad(t, redis, loadOptions{}, b, c)
	for _, n := range []*node{a, b, c} {
		l.hear(n) // what happens while a sleeps, it hears after that
	}
	l.begin()
	l.fault = time.Now()
	a.freeze()
	l.run(10 * time.Second)
	a.thaw()
	l.run(2 * time.Second)
	v := l.judge(a)
	within(t, "takeover", v.Recovery, 4*time.Second)
}
