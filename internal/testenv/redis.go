package testenv

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/testcontainers/testcontainers-go"
	tcredis "github.com/testcontainers/testcontainers-go/modules/redis"

	"github.com/example/switchyard/internal/redisconn"
)

// Redis starts a Redis for one test and returns its URL: in a container where
// Docker answers, else the redis-server on the PATH, else miniredis inside the
// test. Tests share servers, each in a database of its own, so do not FLUSHALL.
func Redis(t testing.TB) string {
	t.Helper()
	url, release := server.lease(t)
	t.Cleanup(release)
	return url
}

// Embedded starts a miniredis for one test and returns its URL.
func Embedded(t testing.TB) string {
	t.Helper()
	url, stop, err := redisconn.Embed()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return url
}

// What go-redis has to say of connections that tests break would hide what failed.
func init() { redis.SetLogger(silent{}) }

type silent struct{}

func (silent) Printf(context.Context, string, ...any) {}

// OnBoth runs a test on an embedded Redis and on a real one.
func OnBoth(t *testing.T, test func(t *testing.T, url string)) {
	t.Helper()
	for name, start := range map[string]func(testing.TB) string{"embedded": Embedded, "redis": Redis} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, start(t))
		})
	}
}

// Client connects to a Redis as the service does: without retries, since a repeated
// XADD is a second entry.
func Client(t testing.TB, url string) *redis.Client {
	t.Helper()
	o, err := redisconn.Options(url)
	if err != nil {
		t.Fatal(err)
	}
	c := redis.NewClient(o)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// databases is how many tests can share one server at a time.
const databases = 256

// shared is one server for the tests of a package, for as long as one uses it.
type shared struct {
	mu   sync.Mutex
	url  string
	stop func()
	used map[int]bool
}

var server shared

func (s *shared) lease(t testing.TB) (url string, release func()) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.url == "" {
		s.start(t)
	}
	db := 0
	for s.used[db] {
		db++
	}
	if db == databases {
		t.Fatalf("more than %d tests want a Redis at the same time", databases)
	}
	s.used[db] = true
	url = fmt.Sprintf("%s/%d", s.url, db)
	return url, func() { s.release(t, url, db) }
}

func (s *shared) release(t testing.TB, url string, db int) {
	c := Client(t, url)
	if err := c.FlushDB(context.Background()).Err(); err != nil {
		t.Errorf("empty the test's Redis: %v", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.used, db)
	if len(s.used) == 0 {
		s.stop()
		s.url = ""
	}
}

func (s *shared) start(t testing.TB) {
	t.Helper()
	s.used = map[int]bool{}
	if exec.Command("docker", "info").Run() == nil {
		s.startContainer(t)
		record(t, "SWITCHYARD_RAN_WITH", "Redis in a container")
		return
	}
	if path, err := exec.LookPath("redis-server"); err == nil {
		s.startLocal(t, path)
		record(t, "SWITCHYARD_RAN_WITH", "redis-server on the PATH")
		return
	}
	var err error
	if s.url, s.stop, err = redisconn.Embed(); err != nil {
		t.Fatal(err)
	}
	record(t, "SWITCHYARD_RAN_WITH", "miniredis")
	record(t, "SWITCHYARD_LEFT_OUT", "everything on a real Redis (neither Docker nor a redis-server on the PATH)")
	if os.Getenv("CI") == "true" {
		t.Fatal("no real Redis: neither Docker nor a redis-server on the PATH")
	}
}

func (s *shared) startContainer(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	c, err := tcredis.Run(ctx, "redis:7-alpine",
		testcontainers.WithCmd("redis-server", "--protected-mode", "no", "--save", "", "--databases", fmt.Sprint(databases)))
	if err != nil {
		t.Fatalf("start Redis in a container: %v\nWhere Docker reaches no registry, set TESTCONTAINERS_RYUK_DISABLED=true if it has the image redis:7-alpine, or DOCKER_HOST=tcp://127.0.0.1:1 to use the redis-server on the PATH.", err)
	}
	if s.url, err = c.ConnectionString(ctx); err != nil {
		t.Fatal(err)
	}
	s.stop = func() {
		if err := testcontainers.TerminateContainer(c); err != nil {
			t.Errorf("stop Redis' container: %v", err)
		}
	}
}

func (s *shared) startLocal(t testing.TB, path string) {
	t.Helper()
	port := FreePort(t)
	cmd := exec.Command(path, "--port", fmt.Sprint(port), "--bind", "127.0.0.1", "--save", "", "--databases", fmt.Sprint(databases))
	if err := cmd.Start(); err != nil {
		t.Fatalf("start redis-server: %v", err)
	}
	s.stop = func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	s.url = fmt.Sprintf("redis://127.0.0.1:%d", port)
	c := Client(t, s.url)
	WaitFor(t, 10*time.Second, "redis-server to answer", func() bool { return c.Ping(context.Background()).Err() == nil })
}

// FreePort returns a TCP port that nothing listens on.
func FreePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// WaitFor polls until a condition holds, or fails the test when it does not in time.
func WaitFor(t testing.TB, within time.Duration, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(within); !condition(); {
		if time.Now().After(deadline) {
			t.Fatalf("waited %s for %s", within, what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// NextMillisecond waits until the clock of Redis, by which it numbers the entries of streams,
// shows another millisecond.
func NextMillisecond(t testing.TB, rdb redis.UniversalClient) {
	t.Helper()
	var begin int64
	for {
		now, err := rdb.Time(t.Context()).Result()
		switch {
		case err != nil:
			t.Fatal(err)
		case begin == 0:
			begin = now.UnixMilli()
		case now.UnixMilli() != begin:
			return
		}
	}
}
