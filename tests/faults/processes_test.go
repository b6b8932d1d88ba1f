package faults

import (
	"fmt"
	"maps"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/example/switchyard/internal/rawsio"
	"github.com/example/switchyard/internal/testenv"
)

// A command kills its process each time it runs. After three it is a dead letter, and
// commands beside it, which died with it, are not.
func TestACommandKillsThreeProcesses(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	gateway := faulty(t, redis, "gateway", "ROLE=gateway")
	workers := []*node{faulty(t, redis, "worker-0", "ROLE=worker")}
	c := rawsio.Dial(t, gateway.URL)
	c.Connect("/faults", "")
	deadly := c.Begin("/faults", "run_patiently", `{"key":"deadly","how":"crash","ms":200}`)
	var waits []func() string
	for i := range 12 { // suspects with it, which run one after the other
		waits = append(waits, c.Begin("/faults", "run_patiently", fmt.Sprintf(`{"key":"beside-%d","how":"work","ms":300}`, i)))
	}
	for i := range 3 {
		select {
		case <-workers[i].Ended():
		case <-time.After(20 * time.Second):
			t.Fatalf("worker %d lives", i)
		}
		if code := workers[i].ExitCode(); code != 3 {
			t.Errorf("worker %d ended with %d", i, code)
		}
		workers = append(workers, faulty(t, redis, fmt.Sprint("worker-", i+1), "ROLE=worker"))
	}
	if got := codeOf(deadly()); got != "internal" {
		t.Errorf("the deadly command was answered %q", got)
	}
	for i, wait := range waits {
		if got := wait(); codeOf(got) != "ok" {
			t.Errorf("command %d beside it: %s", i, got)
		}
	}
	if n := executions(t, "deadly", workers...); n != 3 {
		t.Errorf("it ran %d times", n)
	}
	if got := redis.deadLetters(); len(got) != 1 {
		t.Errorf("dead letters: %v", got)
	}
	if !workers[3].Alive() {
		t.Error("the last worker has died as well")
	}
}

var executedRE = regexp.MustCompile(`EXECUTED (\S+)`)

// Nodes are asked to end under load: each command runs once, whichever node it is on.
func TestNothingRunsTwiceOnSIGTERM(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	gateway := faulty(t, redis, "gateway", "ROLE=gateway")
	nodes := []*node{faulty(t, redis, "a", "ROLE=worker"), faulty(t, redis, "b", "ROLE=worker")}
	stop := make(chan struct{})
	var running sync.WaitGroup
	for i := range 32 {
		c := rawsio.Dial(t, gateway.URL)
		c.Connect("/faults", "")
		running.Go(func() {
			for k := 0; ; k++ {
				select {
				case <-stop:
					return
				default:
				}
				answer, err := c.TryCall("/faults", "run", fmt.Sprintf(`{"key":"key-%d-%d","how":"work","ms":%d}`, i, k, 10+i*10))
				if err != nil || answer != `{"attempt":1}` {
					t.Errorf("key-%d-%d: %s %v", i, k, answer, err)
				}
			}
		})
	}
	for i := range 4 {
		<-time.After(500 * time.Millisecond)
		nodes = append(nodes, faulty(t, redis, fmt.Sprint("next-", i), "ROLE=worker"))
		within(t, nodes[i].Name+" to end", nodes[i].Terminate(), 25*time.Second/2)
	}
	close(stop)
	running.Wait()
	ran := map[string]int{}
	for _, n := range nodes {
		for _, m := range executedRE.FindAllStringSubmatch(n.Log(), -1) {
			ran[m[1]]++
		}
	}
	if len(ran) < 200 {
		t.Errorf("only %d commands: no load", len(ran))
	}
	maps.DeleteFunc(ran, func(_ string, n int) bool { return n == 1 })
	if len(ran) > 0 {
		t.Errorf("ran more than once: %v", ran)
	}
	testenv.WaitFor(t, 10*time.Second, "no backlog", func() bool { return redis.backlog() == 0 })
}
