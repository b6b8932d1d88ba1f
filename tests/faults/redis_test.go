package faults

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/example/switchyard/internal/testenv"
)

// A redisServer is a Redis of one test, which keeps what it is told before it says so.
type redisServer struct {
	t       *testing.T
	path    string
	dir     string
	address string
	cmd     *exec.Cmd
	client  *redis.Client
}

func startRedis(t *testing.T) *redisServer {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		testenv.LeaveOut(t, "the faults", "no redis-server on the PATH")
	}
	s := &redisServer{t: t, path: path, dir: t.TempDir(), address: fmt.Sprint("127.0.0.1:", testenv.FreePort(t))}
	s.client = testenv.Client(t, s.url())
	s.start()
	t.Cleanup(func() { s.kill() })
	return s
}

func (s *redisServer) url() string { return "redis://" + s.address }

// start starts the process, with whatever it kept, and waits until it answers.
func (s *redisServer) start() {
	s.t.Helper()
	_, port, err := net.SplitHostPort(s.address)
	if err != nil {
		s.t.Fatal(err)
	}
	s.cmd = exec.Command(s.path, "--port", port, "--bind", "127.0.0.1", "--dir", s.dir, "--save", "",
		"--appendonly", "yes", "--appendfsync", "always", "--enable-debug-command", "yes",
		"--logfile", filepath.Join(s.dir, "redis.log"))
	if err := s.cmd.Start(); err != nil {
		s.t.Fatalf("start redis-server: %v", err)
	}
	testenv.WaitFor(s.t, 10*time.Second, "redis-server to answer", func() bool { return s.client.Ping(context.Background()).Err() == nil })
}

// kill ends the process as a crash does.
func (s *redisServer) kill() {
	_ = s.cmd.Process.Kill() // it may have ended
	_ = s.cmd.Wait()
}

// forget deletes what a process that was killed has kept.
func (s *redisServer) forget() {
	s.t.Helper()
	if err := os.RemoveAll(filepath.Join(s.dir, "appendonlydir")); err != nil {
		s.t.Fatal(err)
	}
}

// keep copies what Redis has kept until now.
func (s *redisServer) keep() (dir string) {
	s.t.Helper()
	dir = filepath.Join(s.t.TempDir(), "kept")
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(s.dir, "appendonlydir"))); err != nil {
		s.t.Fatal(err)
	}
	return dir
}

// restore is what a process that was killed has kept, in place of nothing.
func (s *redisServer) restore(dir string) {
	s.t.Helper()
	if err := os.Rename(dir, filepath.Join(s.dir, "appendonlydir")); err != nil {
		s.t.Fatal(err)
	}
}

// do runs a command, which must work.
func (s *redisServer) do(args ...any) any {
	s.t.Helper()
	v, err := s.client.Do(context.Background(), args...).Result()
	if err != nil {
		s.t.Fatalf("%v: %v", args, err)
	}
	return v
}

// backlog is how many commands are accepted and not completed, -1 if Redis does not
// say.
func (s *redisServer) backlog() int64 {
	pipe := s.client.Pipeline()
	var lengths []*redis.IntCmd
	for p := range partitions {
		lengths = append(lengths, pipe.XLen(context.Background(), fmt.Sprintf("cmd:{p%d}", p)))
	}
	if _, err := pipe.Exec(context.Background()); err != nil {
		return -1
	}
	var n int64
	for _, l := range lengths {
		n += l.Val()
	}
	return n
}

// deadLetters are the ids of what has been written as dead letters.
func (s *redisServer) deadLetters() (ids []string) {
	s.t.Helper()
	for p := range partitions {
		all, err := s.client.XRange(context.Background(), fmt.Sprintf("dlq:{p%d}", p), "-", "+").Result()
		if err != nil {
			s.t.Fatal(err)
		}
		for _, e := range all {
			ids = append(ids, fmt.Sprint(e.Values["_watermill_message_uuid"]))
		}
	}
	return ids
}

const partitions = 16 // as it is by default
