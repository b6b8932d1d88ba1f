package siotest

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/example/switchyard/internal/testenv"
)

// A Process is a node in a process of its own, without the race detector, as it is run
// for real: it can crash.
type Process struct {
	Name string // its NODE_ID
	URL  string

	t    testing.TB
	path string // of its program
	env  []string
	log  string // file

	cmd   *exec.Cmd
	ended chan struct{}
	err   error // how it ended
}

// Launch starts cmd/server in a process of its own and waits until it is ready. An empty
// redisURL is a Redis inside it. The settings have the values of the README where env does
// not say otherwise: "SOCKET_RATE=off".
func Launch(t testing.TB, redisURL, name string, env ...string) *Process {
	t.Helper()
	p := Begin(t, "cmd/server", name, append([]string{"REDIS_URL=" + redisURL}, env...)...)
	p.Ready()
	return p
}

// Begin starts a program of this module that serves as cmd/server does, and waits for
// nothing.
func Begin(t testing.TB, program, name string, env ...string) *Process {
	t.Helper()
	path := Program(t, program)
	address := fmt.Sprint("127.0.0.1:", testenv.FreePort(t))
	p := &Process{Name: name, URL: "http://" + address, t: t, path: path, log: filepath.Join(t.TempDir(), "log")}
	p.env = append(Environ(), append([]string{"HTTP_ADDR=" + address, "ADMIN_ADDR=off", "NODE_ID=" + name, "LOG_FORMAT=text"}, env...)...)
	p.start()
	t.Cleanup(func() {
		p.Kill()
		if t.Failed() {
			lines := strings.Split(strings.TrimSpace(p.Log()), "\n")
			t.Logf("end of the log of %s:\n%s", name, strings.Join(lines[max(len(lines)-keptLines, 0):], "\n"))
		}
	})
	return p
}

func (p *Process) start() {
	p.t.Helper()
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		p.t.Fatal(err)
	}
	defer log.Close()
	cmd, ended := exec.Command(p.path), make(chan struct{})
	cmd.Env, cmd.Stderr = p.env, log
	if err := cmd.Start(); err != nil {
		p.t.Fatalf("start %s: %v", p.Name, err)
	}
	p.cmd, p.ended, p.err = cmd, ended, nil
	go func() {
		p.err = cmd.Wait()
		close(ended)
	}()
}

// Restart starts the process again, at the same address, when it has ended, and waits
// until it is ready. Nothing else may use p meanwhile.
func (p *Process) Restart() {
	p.t.Helper()
	<-p.ended
	p.start()
	p.Ready()
}

// Ready waits until the node is ready.
func (p *Process) Ready() {
	p.t.Helper()
	testenv.WaitFor(p.t, patience, p.Name+" to be ready", func() bool { return !p.Alive() || p.Status("/readyz") == http.StatusOK })
	if !p.Alive() {
		p.t.Fatalf("%s ended before it was ready: %v", p.Name, p.err)
	}
}

var asking = &http.Client{Timeout: 4 * time.Second}

// Status is the status of a GET, 0 for no answer.
func (p *Process) Status(path string) int {
	resp, err := asking.Get(p.URL + path)
	if err != nil {
		return 0
	}
	resp.Body.Close()
	return resp.StatusCode
}

// Alive tells whether the process runs.
func (p *Process) Alive() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// Ended is closed when the process has ended.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// ExitCode is how it has ended.
func (p *Process) ExitCode() int {
	<-p.ended
	return p.cmd.ProcessState.ExitCode()
}

// Kill ends the process as a crash does.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.ended
}

func (p *Process) signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatalf("%s %s: %v", s, p.Name, err)
	}
}

// Terminate sends SIGTERM and returns how long the process took to end. It must end with
// 0.
func (p *Process) Terminate() time.Duration {
	p.t.Helper()
	return p.Terminating()()
}

// Terminating sends SIGTERM. What it returns waits for the end, as Terminate does.
func (p *Process) Terminating() (wait func() time.Duration) {
	p.t.Helper()
	begin := time.Now()
	p.signal(syscall.SIGTERM)
	return func() time.Duration {
		p.t.Helper()
		select {
		case <-p.ended:
		case <-time.After(stopping):
			p.t.Fatalf("%s did not end within %s of SIGTERM", p.Name, stopping)
		}
		if p.err != nil {
			p.t.Errorf("%s ended with %v", p.Name, p.err)
		}
		return time.Since(begin)
	}
}

// keptLines are those of its log that a test which fails shows.
const keptLines = 100

// stopping is how long a node may take to stop: 15 s for handlers, 5 s for clients, and
// what a busy machine adds.
const stopping = 30 * time.Second

// Log is what the process has logged.
func (p *Process) Log() string {
	p.t.Helper()
	b, err := os.ReadFile(p.log)
	if err != nil {
		p.t.Errorf("read the log of %s: %v", p.Name, err)
	}
	return string(b)
}
