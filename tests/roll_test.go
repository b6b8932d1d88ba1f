package tests

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/example/switchyard/internal/testenv"
)

// standIns are nodes that start as BEGIN says, and end badly if they have a file for it.
const standIns = `
services:
  node:
    image: redis:7-alpine
    entrypoint: [sh, -c]
    command: ["$BEGIN; trap '[ ! -e /tmp/bad ]; exit $$?' TERM; touch /tmp/ready; while :; do sleep 0.1; done"]
    healthcheck: {test: [CMD, test, -e, /tmp/ready], interval: 500ms, retries: 4}
    restart: unless-stopped
    deploy: {replicas: 2}
`

// A node that does not start, or does not end well, stops a roll, and is none of the nodes
// afterwards. TestCompose rolls real ones.
func TestRollsThatFailLeaveNothingBehind(t *testing.T) {
	t.Parallel()
	testenv.Docker(t, "docker compose")
	file := filepath.Join(t.TempDir(), "docker-compose.yml")
	if err := os.WriteFile(file, []byte(standIns), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(begin string, command ...string) (string, error) {
		cmd := exec.Command(command[0], command[1:]...)
		cmd.Dir = ".."
		cmd.Env = append(os.Environ(), "COMPOSE_FILE="+file, fmt.Sprint("COMPOSE_PROJECT_NAME=switchyard-roll-", os.Getpid()), "BEGIN="+begin)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	must := func(begin string, command ...string) string {
		t.Helper()
		out, err := run(begin, command...)
		if err != nil {
			t.Fatalf("%v: %v\n%s", command, err, out)
		}
		return out
	}
	fails := func(begin, why string) {
		t.Helper()
		if out, err := run(begin, "bash", "scripts/roll.sh"); err == nil || !strings.Contains(out, why) {
			t.Fatalf("a roll should say %q: %v\n%s", why, err, out)
		}
	}
	nodes := func() []string {
		t.Helper()
		all := strings.Fields(must("", "docker", "compose", "ps", "-aq", "node"))
		slices.Sort(all)
		return all
	}
	t.Cleanup(func() { must("", "docker", "compose", "down", "--timeout", "1") })

	must("true", "docker", "compose", "up", "--wait")
	old := nodes()
	fails("echo no Redis; exit 1", "no Redis")
	if now := nodes(); !slices.Equal(now, old) {
		t.Fatalf("nodes were %v, and are %v", old, now)
	}
	must("", "docker", "exec", strings.Fields(must("", "docker", "compose", "ps", "-q", "node"))[0], "touch", "/tmp/bad")
	fails("true", "a node ended with 1")
	must("true", "bash", "scripts/roll.sh")
	now := nodes()
	if len(now) != 2 || slices.ContainsFunc(now, func(id string) bool { return slices.Contains(old, id) }) {
		t.Errorf("nodes were %v, and are %v", old, now)
	}
}
