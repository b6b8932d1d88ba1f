// Package tests sees the service as its users do: whole nodes, a real Redis, real
// clients, nothing mocked.
package tests

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	app "github.com/example/switchyard"
	"github.com/example/switchyard/internal/auth"
	"github.com/example/switchyard/internal/config"
	"github.com/example/switchyard/internal/testenv"
)

// node starts a node inside the test, mounted in a server of the test's own, and
// returns its URL. An empty redisURL is the embedded Redis.
func node(t *testing.T, redisURL, name string) string {
	t.Helper()
	cfg := config.Config{
		HTTPAddr: "127.0.0.1:0", RedisURL: redisURL, NodeID: name, Role: "all", AuthMode: auth.None,
		CommandTimeout: 5 * time.Second, IdempotencyTTL: config.Period(time.Hour), Partitions: 16, LogLevel: "error", LogFormat: "text",
	}
	n, closeAll, err := app.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(n.Handler())
	if err := n.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := n.Stop(ctx); err != nil {
			t.Errorf("stop %s: %v", name, err)
		}
		web.Close()
		closeAll()
	})
	return web.URL
}

// built is where binary builds, "" before it does.
var built string

// binary builds the server once, without the race detector, as it is run for real.
var binary = sync.OnceValues(func() (string, error) {
	var err error
	if built, err = os.MkdirTemp("", "switchyard"); err != nil {
		return "", err
	}
	path := filepath.Join(built, "server")
	out, err := exec.Command("go", "build", "-o", path, "../cmd/server").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build the server: %w\n%s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	for _, s := range config.Table() { // the settings of whoever runs the tests are not meant
		_ = os.Unsetenv(s.Name)
	}
	code := m.Run()
	if built != "" {
		_ = os.RemoveAll(built)
	}
	os.Exit(code)
}

// A process is a node in a process of its own.
type process struct {
	t   *testing.T
	cmd *exec.Cmd
	url string
	log string // file
	end chan error
}

// launch starts a node in a process of its own and waits until it is ready.
func launch(t *testing.T, redisURL, name string, env ...string) *process {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	port := testenv.FreePort(t)
	p := &process{t: t, url: fmt.Sprintf("http://127.0.0.1:%d", port), log: filepath.Join(t.TempDir(), name+".log"), end: make(chan error, 1)}
	log, err := os.Create(p.log)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	p.cmd = exec.Command(path)
	p.cmd.Stderr = log
	p.cmd.Env = append(os.Environ(), append([]string{
		fmt.Sprintf("HTTP_ADDR=127.0.0.1:%d", port), "ADMIN_ADDR=off", "NODE_ID=" + name, "REDIS_URL=" + redisURL, "LOG_FORMAT=text",
	}, env...)...)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.end <- p.cmd.Wait() }()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		if t.Failed() {
			b, _ := os.ReadFile(p.log)
			t.Logf("log of %s:\n%s", name, b)
		}
	})
	testenv.WaitFor(t, 20*time.Second, name+" to be ready", func() bool { return status(p.url+"/readyz") == 200 })
	return p
}

// terminate sends SIGTERM and returns how the process ended.
func (p *process) terminate() error {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	select {
	case err := <-p.end:
		return err
	case <-time.After(30 * time.Second):
		p.t.Fatal("the node did not end within 30 s of SIGTERM")
		return nil
	}
}
