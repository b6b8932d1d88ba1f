package testenv

import (
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/example/switchyard/internal/redisconn"
)

// A RedisCluster is a Redis Cluster of one test: three masters without replicas.
type RedisCluster struct {
	URL   string          // of its first node
	Nodes []*redis.Client // to each of them, for what concerns one node
	ids   []string
	ports []int
	buses []int // the ports on which the nodes talk to each other

	processes []*clusterNode
}

const slots = 16384

// Cluster starts a Redis Cluster from the redis-server on the PATH, or leaves the test
// out.
func Cluster(t testing.TB, what string) *RedisCluster {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		LeaveOut(t, what, "no redis-server on the PATH")
	}
	c := &RedisCluster{}
	for range 3 {
		c.startNode(t, path)
	}
	c.URL = fmt.Sprintf("redis://127.0.0.1:%d", c.ports[0])
	c.meet(t)
	return c
}

// LeftCluster starts a node that is like one that was taken out of its Redis Cluster and runs
// on, and returns its address.
func LeftCluster(t testing.TB, what string) string {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		LeaveOut(t, what, "no redis-server on the PATH")
	}
	alone := &RedisCluster{}
	alone.startNode(t, path)
	return alone.Nodes[0].Options().Addr
}

func (c *RedisCluster) startNode(t testing.TB, path string) {
	t.Helper()
	port, bus := FreePort(t), FreePort(t)
	start := func() *exec.Cmd {
		return exec.Command(path, "--port", fmt.Sprint(port), "--cluster-port", fmt.Sprint(bus), "--bind", "127.0.0.1",
			"--save", "", "--appendonly", "yes", "--appendfsync", "always", "--cluster-enabled", "yes", "--cluster-node-timeout", "15000")
	}
	n := &clusterNode{start: start, dir: t.TempDir()}
	c.processes = append(c.processes, n)
	t.Cleanup(n.kill)
	n.run(t)
	c.Nodes, c.ports, c.buses = append(c.Nodes, Client(t, fmt.Sprintf("redis://127.0.0.1:%d", port))), append(c.ports, port), append(c.buses, bus)
	c.await(t, len(c.Nodes)-1)
}

// A clusterNode is a process that can be started again with its files.
type clusterNode struct {
	start func() *exec.Cmd
	dir   string
	cmd   *exec.Cmd
}

func (n *clusterNode) run(t testing.TB) {
	t.Helper()
	n.cmd = n.start()
	n.cmd.Dir = n.dir
	if err := n.cmd.Start(); err != nil {
		t.Fatalf("start redis-server: %v", err)
	}
}

func (n *clusterNode) kill() {
	_ = n.cmd.Process.Kill()
	_ = n.cmd.Wait()
}

func (c *RedisCluster) await(t testing.TB, node int) {
	t.Helper()
	WaitFor(t, 20*time.Second, "redis-server to answer", func() bool { return c.Nodes[node].Ping(context.Background()).Err() == nil })
}

// Kill kills a node, and Restart starts it again with what it has on disk.
func (c *RedisCluster) Kill(node int) { c.processes[node].kill() }

// Restart follows Kill.
func (c *RedisCluster) Restart(t testing.TB, node int) {
	t.Helper()
	c.processes[node].run(t)
	c.await(t, node)
}

// meet makes the nodes one cluster and waits until each knows it.
func (c *RedisCluster) meet(t testing.TB) {
	t.Helper()
	ctx := t.Context()
	for i, node := range c.Nodes {
		c.must(t, node.Do(ctx, "CLUSTER", "SET-CONFIG-EPOCH", i+1).Err()) // else they spend seconds on agreeing on it
		c.must(t, node.ClusterAddSlotsRange(ctx, i*slots/3, (i+1)*slots/3-1).Err())
		id, err := node.ClusterMyID(ctx).Result()
		c.must(t, err)
		c.ids = append(c.ids, id)
	}
	for i := 1; i < len(c.Nodes); i++ {
		c.must(t, c.Nodes[0].Do(ctx, "CLUSTER", "MEET", "127.0.0.1", c.ports[i], c.buses[i]).Err())
	}
	for _, node := range c.Nodes {
		WaitFor(t, 30*time.Second, "the cluster to form", func() bool {
			info, err := node.ClusterInfo(ctx).Result()
			shards, err2 := node.ClusterShards(ctx).Result()
			return err == nil && err2 == nil && len(shards) == len(c.Nodes) && strings.Contains(info, "cluster_state:ok")
		})
	}
}

// ClusterClient connects to a cluster as the service does.
func ClusterClient(t testing.TB, c *RedisCluster) redis.UniversalClient {
	t.Helper()
	rdb, err := redisconn.Connect(t.Context(), c.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = rdb.Close() })
	return rdb
}

// MoveSlot moves the slot of a key to another node, as resharding does: the first keys
// one by one, then many at a time, and before each it calls meanwhile.
func (c *RedisCluster) MoveSlot(t testing.TB, key string, meanwhile func()) {
	t.Helper()
	ctx := t.Context()
	n, err := c.Nodes[0].ClusterKeySlot(ctx, key).Result()
	c.must(t, err)
	slot := int(n)
	from := c.owner(t, slot)
	to := (from + 1) % len(c.Nodes)
	c.must(t, c.Nodes[to].Do(ctx, "CLUSTER", "SETSLOT", slot, "IMPORTING", c.ids[from]).Err())
	c.must(t, c.Nodes[from].Do(ctx, "CLUSTER", "SETSLOT", slot, "MIGRATING", c.ids[to]).Err())
	for round, many := 0, 1; ; round++ {
		if round == 10 {
			many = 100
		}
		keys, err := c.Nodes[from].ClusterGetKeysInSlot(ctx, slot, many).Result()
		c.must(t, err)
		if len(keys) == 0 {
			break
		}
		meanwhile()
		migrate := []any{"MIGRATE", "127.0.0.1", c.ports[to], "", 0, 5000, "KEYS"}
		for _, key := range keys {
			migrate = append(migrate, key)
		}
		c.must(t, c.Nodes[from].Do(ctx, migrate...).Err())
	}
	meanwhile()
	for i := range c.Nodes {
		node := c.Nodes[(to+i)%len(c.Nodes)] // the new one first, so that the slot is never nobody's
		c.must(t, node.Do(ctx, "CLUSTER", "SETSLOT", slot, "NODE", c.ids[to]).Err())
	}
}

// owner is the node that has a slot.
func (c *RedisCluster) owner(t testing.TB, slot int) int {
	t.Helper()
	shards, err := c.Nodes[0].ClusterShards(t.Context()).Result()
	c.must(t, err)
	for _, s := range shards {
		for _, held := range s.Slots {
			if held.Start <= int64(slot) && int64(slot) <= held.End {
				return slices.Index(c.ids, s.Nodes[0].ID)
			}
		}
	}
	t.Fatalf("nobody has slot %d", slot)
	return 0
}

func (c *RedisCluster) must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("command the Redis Cluster: %v", err)
	}
}
