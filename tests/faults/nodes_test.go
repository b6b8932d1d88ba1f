package faults

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/example/switchyard/internal/testenv"
)

// within fails the test when something took much longer than promised. How long it
// takes on a quiet machine, the log tells.
func within(t *testing.T, what string, took, promised time.Duration) {
	t.Helper()
	t.Logf("%s: %s, promised %s", what, took.Round(time.Millisecond), promised)
	if took > 2*promised+testenv.Late {
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
	a.Kill()
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
		within(t, fmt.Sprintf("%s to end", n.Name), n.Terminate(), 25*time.Second/2)
		nodes[i] = launch(t, redis, n.Name)
		l.replace(i, nodes[i])
		l.flows(100)
	}
	v := l.judge(nodes[0], "closed", "unavailable")
	within(t, "recovery", v.Recovery, 4*time.Second)
}

// A node is frozen for longer than its leases last, wakes up in the middle of its
// work, and changes nothing that others have done meanwhile. The load is on the other
// nodes: a process that is frozen answers nobody. It was taken for dead, so it closes its
// connections, after what had happened until it woke up.
func TestNodeFrozen(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	a, b, c := launch(t, redis, "a"), launch(t, redis, "b"), launch(t, redis, "c")
	l := prepareLoad(t, redis, loadOptions{}, b, c)
	asleep := l.hear(a)
	l.hear(b)
	l.hear(c)
	l.begin()
	l.fault = time.Now()
	a.Freeze()
	l.run(10 * time.Second)
	asleep.willGo()
	a.Thaw()
	l.run(2 * time.Second)
	v := l.judge(a)
	within(t, "takeover", v.Recovery, 4*time.Second)
}

// Nodes come and go under load, and partitions move.
func TestScaleOutAndIn(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	a := launch(t, redis, "a")
	l := newLoad(t, redis, loadOptions{lasts: time.Minute}, a)
	l.fault = time.Now()
	b, c := launch(t, redis, "b"), launch(t, redis, "c")
	l.hear(b)
	l.run(2 * time.Second)
	b.Terminate()
	l.run(time.Second)
	c.Terminate()
	l.run(time.Second)
	v := l.judge(a)
	within(t, "the longest pause of a key", v.Recovery, time.Second)
}

// Two nodes have one name: the second waits for the first to go, and says who has it.
func TestTwoNodesWithOneName(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	first := launch(t, redis, "same")
	begun := time.Now()
	second := begin(t, "cmd/server", redis.url(), "same")
	select {
	case <-second.Ended():
	case <-time.After(20 * time.Second):
		t.Fatal("the second node neither starts nor ends")
	}
	took, log := time.Since(begun), second.Log()
	if code := second.ExitCode(); code != 1 || took < 5*time.Second || took > 10*time.Second {
		t.Errorf("the second ended with %d after %s", code, took)
	}
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	_, told, _ := strings.Cut(log, "on host "+host+" and started at ")
	told, _, _ = strings.Cut(told, " ")
	if started, err := time.Parse(time.RFC3339, told); err != nil || begun.Sub(started).Abs() > time.Minute {
		t.Errorf("it does not say who has the name: %s", log)
	}
	if first.Status("/readyz") != 200 {
		t.Error("the first is not ready any more")
	}
	third := begin(t, "cmd/server", redis.url(), "same")
	first.Terminate()
	third.Ready()
	third.Kill()
	launch(t, redis, "same") // its name lapses in time
}
