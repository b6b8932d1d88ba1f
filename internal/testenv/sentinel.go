package testenv

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// A RedisWatched is a master and a replica that three Sentinels watch.
type RedisWatched struct {
	*RedisPair               // its URL is that of the Sentinels
	First      *redis.Client // to what is the master at first
	Sentinels  []*redis.SentinelClient

	processes []*clusterNode
}

// Watched starts all of them from the redis-server on the PATH, or leaves the test out.
func Watched(t testing.TB, what string) *RedisWatched {
	t.Helper()
	w := &RedisWatched{RedisPair: Replicated(t, what)}
	w.First = Client(t, w.URL)
	_, port, err := net.SplitHostPort(w.First.Options().Addr)
	if err != nil {
		t.Fatal(err)
	}
	query := url.Values{"master_name": {"mymaster"}}
	for i := range 3 {
		own, dir := FreePort(t), t.TempDir()
		text := fmt.Sprintf("port %d\nbind 127.0.0.1\nsentinel monitor mymaster 127.0.0.1 %s 2\n"+
			"sentinel down-after-milliseconds mymaster 1000\nsentinel failover-timeout mymaster 5000\n", own, port)
		if err := os.WriteFile(filepath.Join(dir, "sentinel.conf"), []byte(text), 0o600); err != nil { // Sentinel writes into it, too
			t.Fatal(err)
		}
		n := &clusterNode{start: func() *exec.Cmd { return exec.Command("redis-server", "sentinel.conf", "--sentinel") }, dir: dir}
		n.run(t)
		t.Cleanup(n.kill)
		c := redis.NewSentinelClient(&redis.Options{Addr: fmt.Sprint("127.0.0.1:", own), MaxRetries: -1})
		t.Cleanup(func() { _ = c.Close() })
		w.processes, w.Sentinels = append(w.processes, n), append(w.Sentinels, c)
		if address := fmt.Sprint("127.0.0.1:", own); i == 0 {
			w.URL = "redis://" + address
		} else {
			query.Add("addr", address)
		}
	}
	w.URL += "?" + query.Encode()
	for _, c := range w.Sentinels {
		WaitFor(t, 20*time.Second, "the Sentinels to find each other, and the replica", func() bool {
			m := c.Master(context.Background(), "mymaster").Val()
			return m["num-other-sentinels"] == "2" && m["num-slaves"] == "1"
		})
	}
	return w
}

// FreezeFirst stops the first master and the first Sentinel where they are, as when their
// machine is gone without a word; ThawFirst lets them go on.
func (w *RedisWatched) FreezeFirst() { w.signalFirst(syscall.SIGSTOP) }

// ThawFirst follows FreezeFirst.
func (w *RedisWatched) ThawFirst() { w.signalFirst(syscall.SIGCONT) }

func (w *RedisWatched) signalFirst(s syscall.Signal) {
	_ = w.master.cmd.Process.Signal(s)
	_ = w.processes[0].cmd.Process.Signal(s)
}

// KillFirst kills the first master.
func (w *RedisWatched) KillFirst() { w.master.kill() }
