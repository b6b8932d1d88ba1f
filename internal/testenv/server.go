package testenv

import (
	"context"
	"fmt"
	"os/exec"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// RedisServer starts the redis-server on the PATH for one test, with arguments of its own,
// and returns its host and port; or leaves the test out.
func RedisServer(t testing.TB, what string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		LeaveOut(t, what, "no redis-server on the PATH")
	}
	port := FreePort(t)
	all := append([]string{"--port", fmt.Sprint(port), "--bind", "127.0.0.1", "--save", ""}, args...)
	n := &clusterNode{start: func() *exec.Cmd { return exec.Command(path, all...) }, dir: t.TempDir()}
	n.run(t)
	t.Cleanup(n.kill)
	address := fmt.Sprint("127.0.0.1:", port)
	c := redis.NewClient(&redis.Options{Addr: address, MaxRetries: -1})
	defer func() { _ = c.Close() }()
	WaitFor(t, 20*time.Second, "redis-server to answer", func() bool {
		err := c.Ping(context.Background()).Err()
		return err == nil || redis.IsAuthError(err)
	})
	return address
}
