// Package faults breaks whole nodes, their Redis and the network between them, and
// counts what clients notice: each row of the table in docs/guarantees.md is a test.
// Nodes are processes of the server as it is run, without the race detector. Start at
// TestNodeKilled.
package faults

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/example/switchyard/internal/config"
	"github.com/example/switchyard/internal/testenv"
	"github.com/example/switchyard/tests/faults/proxy"
)

// programs is where binaries are built, "" before the first.
var programs string

// build builds a program of this module once, without the race detector.
func build(name, folder string) func() (string, error) {
	return sync.OnceValues(func() (string, error) {
		path := filepath.Join(programs, name)
		out, err := exec.Command("go", "build", "-o", path, folder).CombinedOutput()
		if err != nil {
			return "", fmt.Errorf("build %s: %w\n%s", folder, err, out)
		}
		return path, nil
	})
}

var server = build("server", "../../cmd/server")

func TestMain(m *testing.M) {
	for _, s := range config.Table() { // the settings of whoever runs the tests are not meant
		_ = os.Unsetenv(s.Name)
	}
	var err error
	if programs, err = os.MkdirTemp("", "switchyard"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	flag.Parse()
	if p := flag.Lookup("test.parallel"); p.Value.String() == fmt.Sprint(runtime.GOMAXPROCS(0)) { // nobody asked for it
		_ = p.Value.Set("3") // most of the time they wait
	}
	code := m.Run()
	_ = os.RemoveAll(programs)
	os.Exit(code)
}

// A node is a process of the server.
type node struct {
	t     *testing.T
	name  string
	cmd   *exec.Cmd
	url   string
	log   string // file
	ended chan struct{}
	err   error        // how it ended
	redis *proxy.Proxy // its way to Redis, nil for a direct one
}

// launch starts a node and waits until it is ready.
func launch(t *testing.T, r *redisServer, name string, env ...string) *node {
	t.Helper()
	n := begin(t, server, name, append([]string{"REDIS_URL=" + r.url()}, env...)...)
	n.ready()
	return n
}

// launchProxied starts a node whose way to Redis can be broken.
func launchProxied(t *testing.T, r *redisServer, name string, env ...string) *node {
	t.Helper()
	p, err := proxy.New(r.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	n := begin(t, server, name, append([]string{"REDIS_URL=redis://" + p.Address()}, env...)...)
	n.redis = p
	n.ready()
	return n
}

// begin starts a program as a node and waits for nothing.
func begin(t *testing.T, program func() (string, error), name string, env ...string) *node {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	address := fmt.Sprint("127.0.0.1:", testenv.FreePort(t))
	n := &node{t: t, name: name, url: "http://" + address, ended: make(chan struct{})}
	log, err := os.CreateTemp(t.TempDir(), name)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	n.log = log.Name()
	n.cmd = exec.Command(path)
	n.cmd.Stderr = log
	n.cmd.Env = append(os.Environ(), append([]string{
		"HTTP_ADDR=" + address, "ADMIN_ADDR=off", "NODE_ID=" + name, "LOG_FORMAT=text",
		"SOCKET_RATE=off", "SOCKET_UNACKED=off", // the load is as large as it is
	}, env...)...)
	if err := n.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		n.err = n.cmd.Wait()
		close(n.ended)
	}()
	t.Cleanup(func() {
		n.kill()
		if t.Failed() {
			t.Logf("end of the log of %s:\n%s", name, tailOf(n.log, 40))
		}
	})
	return n
}

func tailOf(path string, lines int) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimSpace(string(b)), "\n")
	return strings.Join(all[max(len(all)-lines, 0):], "\n")
}

func (n *node) ready() {
	n.t.Helper()
	testenv.WaitFor(n.t, 20*time.Second, n.name+" to be ready", func() bool { return n.status("/readyz") == 200 })
}

var asking = &http.Client{Timeout: 4 * time.Second}

// status is the status of a GET, 0 for no answer.
func (n *node) status(path string) int {
	resp, err := asking.Get(n.url + path)
	if err != nil {
		return 0
	}
	resp.Body.Close()
	return resp.StatusCode
}

func (n *node) signal(s os.Signal) {
	n.t.Helper()
	if err := n.cmd.Process.Signal(s); err != nil {
		n.t.Fatalf("%s %s: %v", s, n.name, err)
	}
}

// kill ends the node as a crash does.
func (n *node) kill() {
	_ = n.cmd.Process.Kill() // it may have ended
	<-n.ended
}

// freeze stops the node's threads, until thaw.
func (n *node) freeze() { n.signal(syscall.SIGSTOP) }
func (n *node) thaw()   { n.signal(syscall.SIGCONT) }

// terminate asks the node to end and returns how long it took. It must end with 0.
func (n *node) terminate() time.Duration {
	n.t.Helper()
	begin := time.Now()
	n.signal(syscall.SIGTERM)
	select {
	case <-n.ended:
	case <-time.After(30 * time.Second):
		n.t.Fatalf("%s did not end within 30 s of SIGTERM", n.name)
	}
	if n.err != nil {
		n.t.Errorf("%s ended with %v", n.name, n.err)
	}
	return time.Since(begin)
}

func (n *node) alive() bool {
	select {
	case <-n.ended:
		return false
	default:
		return true
	}
}
