package tests

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/example/switchyard/internal/rawsio"
	"github.com/example/switchyard/internal/testenv"
)

// compose runs docker compose on the project's own file, as a project of its own.
func compose(t *testing.T, project string, port int, args ...string) (string, error) {
	t.Helper()
	cmd := exec.Command("docker", append([]string{"compose", "-p", project}, args...)...)
	cmd.Dir = ".."
	cmd.Env = append(os.Environ(), fmt.Sprint("PORT=", port))
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// node cookie of a client: which node the load balancer gave it to.
func servedBy(c *rawsio.Client) string {
	for _, cookie := range (&http.Response{Header: c.Header}).Cookies() {
		if cookie.Name == "NODE" {
			return cookie.Value
		}
	}
	return ""
}

// The compose file as it is: people on different nodes talk through the load
// balancer, and a node that is stopped leaves the others serving.
func TestCompose(t *testing.T) {
	t.Parallel()
	testenv.Docker(t, "docker compose")
	port := testenv.FreePort(t)
	project := fmt.Sprint("switchyard-test-", port)
	t.Cleanup(func() {
		if t.Failed() {
			logs, _ := compose(t, project, port, "logs", "--tail", "40")
			t.Log(logs)
		}
		if out, err := compose(t, project, port, "down", "--volumes", "--rmi", "local", "--timeout", "1"); err != nil {
			t.Errorf("down: %v\n%s", err, out)
		}
	})
	if out, err := compose(t, project, port, "up", "--build", "--wait", "--wait-timeout", "300"); err != nil {
		t.Fatalf("up: %v\n%s", err, out)
	}
	url := fmt.Sprint("http://127.0.0.1:", port)
	testenv.WaitFor(t, 20*time.Second, "the load balancer to find the nodes", func() bool { return status(url+"/readyz") == 200 })

	var alice, bob *rawsio.Client
	testenv.WaitFor(t, 20*time.Second, "clients on two nodes", func() bool {
		c := rawsio.Dial(t, url)
		switch {
		case alice == nil:
			alice = c
		case servedBy(c) != servedBy(alice):
			bob = c
			return true
		default:
			c.Close()
		}
		return false
	})
	alice.Connect("/chat", `{"user":"alice"}`)
	bob.Connect("/chat", `{"user":"bob"}`)
	for i := range 8 { // rooms in partitions of both nodes
		bob.Call("/chat", "join", fmt.Sprintf(`{"room":"r%d"}`, i))
		alice.Call("/chat", "message", fmt.Sprintf(`{"room":"r%d","text":"hello"}`, i))
		if got := bob.Expect("/chat", "message.posted"); !strings.Contains(got, `"from":"alice"`) {
			t.Error(got)
		}
	}
	polling := rawsio.Poll(t, url) // every request of it must reach the same node
	polling.Connect("/chat", `{"user":"carol"}`)
	polling.Call("/chat", "join", `{"room":"r0"}`)
	bob.Call("/chat", "message", `{"room":"r0","text":"hello"}`)
	polling.Expect("/chat", "message.posted")

	nodes, err := compose(t, project, port, "ps", "-q", "node")
	if err != nil {
		t.Fatal(nodes)
	}
	first := strings.Fields(nodes)[0]
	if out, err := exec.Command("docker", "stop", first).CombinedOutput(); err != nil {
		t.Fatalf("stop a node: %v\n%s", err, out)
	}
	if out, err := exec.Command("docker", "inspect", "-f", "{{.State.ExitCode}}", first).Output(); err != nil || strings.TrimSpace(string(out)) != "0" {
		t.Errorf("the stopped node exited with %s (%v)", out, err)
	}
	carol := rawsio.Dial(t, url)
	carol.Connect("/chat", `{"user":"carol"}`)
	for i := range 8 {
		if got := carol.Call("/chat", "message", fmt.Sprintf(`{"room":"r%d","text":"still here"}`, i)); !strings.Contains(got, `"id"`) {
			t.Error(got)
		}
	}
}
