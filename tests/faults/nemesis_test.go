package faults

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/example/switchyard/tests/faults/proxy"
)

// A nemesis brings about random faults, one or two at a time, the same ones for the
// same seed.
type nemesis struct {
	t      *testing.T
	random *rand.Rand
	redis  *redisServer
	nodes  []*node
	load   *load
	before time.Time // when the strike before began
}

// A misfortune begins, and returns what ends it.
type misfortune struct {
	name  string
	begin func(*nemesis, int) (end func()) // of the node with this number, if it is one of a node
	// starts: its end starts a node, which needs a Redis. It ends last.
	starts bool
}

const freezeMost = 3500 * time.Millisecond

var misfortunes = []misfortune{
	{name: "kill", starts: true, begin: func(n *nemesis, i int) func() {
		n.load.hearer(n.nodes[i]).gone(n.before) // what it is still behind with dies with it
		n.nodes[i].Kill()
		return func() { n.again(i) }
	}},
	{name: "terminate", starts: true, begin: func(n *nemesis, i int) func() {
		wait := n.nodes[i].Terminating() // another fault may begin and end meanwhile
		return func() {
			wait()
			n.again(i)
		}
	}},
	{name: "freeze", begin: func(n *nemesis, i int) func() {
		n.nodes[i].Freeze()
		return n.nodes[i].Thaw
	}},
	{name: "cut", begin: network((*proxy.Proxy).Cut)},
	{name: "hold", begin: network(func(p *proxy.Proxy) { p.Hold(proxy.Both) })},
	{name: "hold to Redis", begin: network(func(p *proxy.Proxy) { p.Hold(proxy.ToServer) })},
	{name: "hold to the node", begin: network(func(p *proxy.Proxy) { p.Hold(proxy.ToClient) })},
	{name: "reset", begin: network((*proxy.Proxy).Reset)},
	{name: "delay", begin: network(func(p *proxy.Proxy) { p.Delay(50 * time.Millisecond) })},
	{name: "lose answers to commands", begin: network(func(p *proxy.Proxy) { p.LoseAnswers("\r\nXADD\r\n", 3) })},
	{name: "lose answers to scripts", begin: network(func(p *proxy.Proxy) { p.LoseAnswers("\r\nevalsha\r\n", 3) })},
	{name: "kill connections", begin: func(n *nemesis, _ int) func() {
		n.redis.do("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
		return func() {}
	}},
	{name: "restart Redis", begin: func(n *nemesis, _ int) func() {
		n.redis.kill()
		return n.redis.start
	}},
	{name: "stall Redis", begin: func(n *nemesis, _ int) func() {
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = n.redis.client.Do(context.Background(), "DEBUG", "SLEEP", "2.5").Err() // nobody waits for its answer
		}()
		return func() { <-done }
	}},
	{name: "no memory", begin: func(n *nemesis, _ int) func() {
		_ = n.redis.client.ConfigSet(context.Background(), "maxmemory", "1mb").Err() // another fault may prevent it
		return func() { n.redis.do("CONFIG", "SET", "maxmemory", "0") }
	}},
}

func network(fault func(*proxy.Proxy)) func(*nemesis, int) func() {
	return func(n *nemesis, i int) func() {
		p := n.nodes[i].redis
		fault(p)
		return p.Heal
	}
}

// again starts a node again that has ended.
func (n *nemesis) again(i int) {
	n.nodes[i] = launchProxied(n.t, n.redis, n.nodes[i].Name)
	n.load.replace(i, n.nodes[i])
}

// strike brings about one or two faults for a while. Two are of different nodes, and
// at most one of them is Redis' own.
func (n *nemesis) strike() {
	n.t.Helper()
	both := []misfortune{misfortunes[n.random.IntN(len(misfortunes))]}
	if n.random.IntN(3) == 0 {
		both = append(both, misfortunes[n.random.IntN(firstOfRedis())])
	}
	victim := n.random.IntN(len(n.nodes))
	lasts := 500*time.Millisecond + time.Duration(n.random.Int64N(int64(freezeMost-500*time.Millisecond)))
	calm := time.Duration(n.random.Int64N(int64(2 * time.Second)))
	var now, last []func()
	begin := time.Now()
	for i, m := range both {
		victim = (victim + i) % len(n.nodes)
		n.t.Logf("%s: %s, for %s", n.nodes[victim].Name, m.name, lasts.Round(time.Millisecond))
		if end := m.begin(n, victim); m.starts {
			last = append(last, end)
		} else {
			now = append(now, end)
		}
	}
	n.load.run(lasts)
	for _, end := range append(now, last...) {
		end()
	}
	n.before = begin
	n.load.run(calm)
}

// firstOfRedis is where the faults begin that are no node's.
func firstOfRedis() int {
	for i, m := range misfortunes {
		if m.name == "kill connections" {
			return i
		}
	}
	return len(misfortunes)
}

// Random faults for a minute, or as long as CHAOS_DURATION says. A run is repeated with
// its seed in CHAOS_SEED; what the machine does meanwhile is not.
func TestNemesis(t *testing.T) {
	t.Parallel()
	seed, err := strconv.ParseUint(os.Getenv("CHAOS_SEED"), 10, 64)
	if err != nil {
		seed = uint64(time.Now().UnixNano())
	}
	duration, err := time.ParseDuration(os.Getenv("CHAOS_DURATION"))
	if err != nil {
		duration = time.Minute
	}
	t.Logf("to repeat it: make chaos SEED=%d DURATION=%s", seed, duration)
	n := &nemesis{t: t, random: rand.New(rand.NewPCG(seed, 0)), redis: startRedis(t)}
	for i := range 3 {
		n.nodes = append(n.nodes, launchProxied(t, n.redis, fmt.Sprint("node", i)))
	}
	n.load = newLoad(t, n.redis, loadOptions{window: 4, lasts: duration + time.Minute}, n.nodes...)
	n.load.frozen = freezeMost
	for end := time.Now().Add(duration); time.Now().Before(end); {
		n.strike()
	}
	n.load.flows(100)
	n.load.judge(n.nodes[0], append(outage, "closed")...)
}
