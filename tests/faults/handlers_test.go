package faults

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/example/switchyard/internal/rawsio"
	"github.com/example/switchyard/internal/testenv"
)

// faulty starts a node of tests/faults/server.
func faulty(t *testing.T, r *redisServer, name string, env ...string) *node {
	t.Helper()
	n := begin(t, "tests/faults/server", r.url(), name, env...)
	n.Ready()
	return n
}

// executions is how often handlers have run for a key, on all nodes.
func executions(t *testing.T, key string, nodes ...*node) int {
	t.Helper()
	total := 0
	for _, n := range nodes {
		total += strings.Count(n.Log(), "EXECUTED "+key+"\n")
	}
	return total
}

// lines is how many lines a node has logged.
func lines(n *node) int { return strings.Count(n.Log(), "level=") }

// Handlers go wrong in every way. Each command is answered as it should be, after as
// many attempts as it should have, and the others go on meanwhile.
func TestHandlersGoWrong(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	n := faulty(t, redis, "a")
	before := lines(n)
	others := goOn(t, n)
	c := rawsio.Dial(t, n.URL)
	c.Connect("/faults", "")
	for _, test := range []struct {
		name, input, want string
		executions        int
	}{
		{"an error", `"how":"fail"`, "internal", 1},
		{"a fault", `"how":"refuse"`, "conflict", 1},
		{"a panic", `"how":"panic"`, "internal", 1},
		{"the end of its goroutine", `"how":"exit"`, "internal", 1},
		{"an error that passes", `"how":"transient","times":2`, "ok", 3},
		{"an error that could pass and does not", `"how":"transient","times":10`, "internal", 3},
		{"a context that is ignored", `"how":"hang","ms":8000`, "timeout", 1},
	} {
		key := strings.ReplaceAll(test.name, " ", "-")
		begin := time.Now()
		answer := c.Call("/faults", "run", fmt.Sprintf(`{"key":%q,%s}`, key, test.input))
		if got := codeOf(answer); got != test.want {
			t.Errorf("%s: answered %s", test.name, answer)
		}
		if took := time.Since(begin); took > answerWithin+testenv.Late {
			t.Errorf("%s: answered after %s", test.name, took)
		}
		if got := executions(t, key, n); got != test.executions {
			t.Errorf("%s: ran %d times, want %d", test.name, got, test.executions)
		}
	}
	within(t, "the slowest of the others", others.end(), time.Second)
	if n := lines(n) - before; n >= 10 {
		t.Errorf("%d lines were logged", n)
	}
	if got := c.Call("/faults", "run", `{"key":"a-context-that-is-ignored","how":"work"}`); codeOf(got) != "ok" {
		t.Errorf("after the handler that hung has returned: %s", got)
	}
	testenv.WaitFor(t, 10*time.Second, "the backlog to be worked off", func() bool { return redis.backlog() == 0 })
}

// Redis refuses dead letters. Their commands stay in the backlog and hold up their keys,
// nobody else waits, and when Redis takes them they are there.
func TestDeadLettersAreRefused(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	for p := range partitions {
		redis.do("SET", fmt.Sprintf("dlq:{p%d}", p), "no stream")
	}
	a, b := faulty(t, redis, "a"), faulty(t, redis, "b")
	others := goOn(t, b)
	c := rawsio.Dial(t, a.URL)
	c.Connect("/faults", "")
	const failing = 8
	var waits []func() string
	for i := range failing {
		waits = append(waits, c.Begin("/faults", "run", fmt.Sprintf(`{"key":"refused-%d","how":"fail"}`, i)))
	}
	for i, wait := range waits {
		if got := codeOf(wait()); got != "timeout" {
			t.Errorf("command %d, of which the dead letter was not written: %s", i, got)
		}
	}
	within(t, "the slowest of the others", others.end(), time.Second)
	testenv.WaitFor(t, 10*time.Second, "the others to be committed", func() bool { return redis.backlog() == failing })
	for p := range partitions {
		redis.do("DEL", fmt.Sprintf("dlq:{p%d}", p))
	}
	testenv.WaitFor(t, 20*time.Second, "the dead letters", func() bool { return len(redis.deadLetters()) == failing && redis.backlog() == 0 })
	for i := range failing {
		key := fmt.Sprint("refused-", i)
		if n := executions(t, key, a, b); n != 1 {
			t.Errorf("%s ran %d times", key, n)
		}
		if got := c.Call("/faults", "run", fmt.Sprintf(`{"key":%q,"how":"work"}`, key)); codeOf(got) != "ok" {
			t.Errorf("after it: %s", got)
		}
	}
	if !strings.Contains(a.Log()+b.Log(), "Redis refuses dead letters") {
		t.Error("no node says so")
	}
}

// A load of harmless commands, beside handlers that go wrong.
type harmless struct {
	done    chan struct{}
	running sync.WaitGroup
	mu      sync.Mutex
	slowest time.Duration
}

// goOn runs commands of other keys, one after the other, all of which must work.
func goOn(t *testing.T, n *node) *harmless {
	t.Helper()
	h := &harmless{done: make(chan struct{})}
	for i := range 16 {
		c := rawsio.Dial(t, n.URL)
		c.Connect("/faults", "")
		h.running.Go(func() {
			for tick := time.NewTicker(50 * time.Millisecond); ; {
				select {
				case <-h.done:
					return
				case <-tick.C:
				}
				begin := time.Now()
				answer, err := c.TryCall("/faults", "run", fmt.Sprintf(`{"key":"other-%d","how":"work"}`, i))
				if err != nil || codeOf(answer) != "ok" {
					t.Errorf("another command: %s %v", answer, err)
					return
				}
				h.mu.Lock()
				h.slowest = max(h.slowest, time.Since(begin))
				h.mu.Unlock()
			}
		})
	}
	return h
}

// end stops and returns the time of the slowest.
func (h *harmless) end() time.Duration {
	close(h.done)
	h.running.Wait()
	return h.slowest
}

// A handler takes three leases, while other nodes come and want its partition.
func TestHandlerTakesThreeLeases(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	a := faulty(t, redis, "a")
	c := rawsio.Dial(t, a.URL)
	c.Connect("/faults", "")
	var waits []func() string
	for i := range partitions { // in most partitions
		waits = append(waits, c.Begin("/faults", "run_patiently", fmt.Sprintf(`{"key":"long-%d","how":"work","ms":7500}`, i)))
	}
	b := faulty(t, redis, "b")
	for i, wait := range waits {
		if got := wait(); got != `{"attempt":1}` {
			t.Errorf("long-%d: %s", i, got)
		}
		if n := executions(t, fmt.Sprint("long-", i), a, b); n != 1 {
			t.Errorf("long-%d ran %d times", i, n)
		}
	}
}
