package testenv

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// A RedisPair is a Redis and its replica.
type RedisPair struct {
	URL     string // of the master
	Replica *redis.Client

	master, replica *clusterNode
}

// Replicated starts a master and a replica from the redis-server on the PATH, or leaves
// the test out.
func Replicated(t testing.TB, what string) *RedisPair {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		LeaveOut(t, what, "no redis-server on the PATH")
	}
	server := func(port int, more ...string) *clusterNode {
		args := append([]string{"--port", fmt.Sprint(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "yes", "--repl-diskless-sync-delay", "0"}, more...)
		n := &clusterNode{start: func() *exec.Cmd { return exec.Command(path, args...) }, dir: t.TempDir()}
		t.Cleanup(n.kill)
		n.run(t)
		return n
	}
	first, second := FreePort(t), FreePort(t)
	p := &RedisPair{URL: fmt.Sprintf("redis://127.0.0.1:%d", first)}
	p.master = server(first)
	p.replica = server(second, "--replicaof", fmt.Sprintf("127.0.0.1 %d", first))
	p.Replica = Client(t, fmt.Sprintf("redis://127.0.0.1:%d", second))
	WaitFor(t, 20*time.Second, "the replica to follow", func() bool {
		return strings.Contains(p.Replica.Info(context.Background(), "replication").Val(), "master_link_status:up")
	})
	return p
}

// Freeze stops the replica where it is; Thaw lets it go on.
func (p *RedisPair) Freeze() { _ = p.replica.cmd.Process.Signal(syscall.SIGSTOP) }

// Thaw follows Freeze.
func (p *RedisPair) Thaw() { _ = p.replica.cmd.Process.Signal(syscall.SIGCONT) }

// Failover kills the master and makes the replica one. It returns its address.
func (p *RedisPair) Failover(t testing.TB) (url string) {
	t.Helper()
	p.master.kill()
	if err := p.Replica.ReplicaOf(t.Context(), "NO", "ONE").Err(); err != nil {
		t.Fatal(err)
	}
	return "redis://" + p.Replica.Options().Addr
}
