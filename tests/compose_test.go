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

// A composed is the project's own compose file, run as a project of its own.
type composed struct {
	t       *testing.T
	project string
	port    int
	url     string

	prometheus int // its port
}

// composeUp brings everything up, and down again when the test ends.
func composeUp(t *testing.T) *composed {
	t.Helper()
	port := testenv.FreePort(t)
	c := &composed{t: t, project: fmt.Sprint("switchyard-test-", port), port: port, url: fmt.Sprint("http://127.0.0.1:", port), prometheus: testenv.FreePort(t)}
	t.Cleanup(func() {
		if t.Failed() {
			logs, _ := c.run("logs", "--tail", "40")
			t.Log(logs)
		}
		if out, err := c.run("down", "--volumes", "--rmi", "local", "--timeout", "1"); err != nil {
			t.Errorf("down: %v\n%s", err, out)
		}
	})
	if out, err := c.run("up", "--build", "--wait", "--wait-timeout", "300"); err != nil {
		t.Fatalf("up: %v\n%s", err, out)
	}
	testenv.WaitFor(t, 20*time.Second, "the load balancer to find the nodes", func() bool { return status(c.url+"/readyz") == 200 })
	return c
}

func (c *composed) run(args ...string) (string, error) {
	cmd := exec.Command("docker", append([]string{"compose", "-p", c.project}, args...)...)
	cmd.Dir = ".."
	cmd.Env = append(os.Environ(), fmt.Sprint("PORT=", c.port), fmt.Sprint("PROMETHEUS_PORT=", c.prometheus), "COMPOSE_PROFILES=observability")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// stopNode stops one of the nodes, which must end well.
func (c *composed) stopNode() {
	c.t.Helper()
	nodes, err := c.run("ps", "-q", "node")
	if err != nil {
		c.t.Fatal(nodes)
	}
	first := strings.Fields(nodes)[0]
	if out, err := exec.Command("docker", "stop", first).CombinedOutput(); err != nil {
		c.t.Fatalf("stop a node: %v\n%s", err, out)
	}
	if out, err := exec.Command("docker", "inspect", "-f", "{{.State.ExitCode}}", first).Output(); err != nil || strings.TrimSpace(string(out)) != "0" {
		c.t.Errorf("the stopped node exited with %s (%v)", out, err)
	}
}

// onTwoNodes connects two clients to different nodes.
func (c *composed) onTwoNodes() (one, two *rawsio.Client) {
	c.t.Helper()
	one = rawsio.Dial(c.t, c.url)
	testenv.WaitFor(c.t, 20*time.Second, "clients on two nodes", func() bool {
		two = rawsio.Dial(c.t, c.url)
		if servedBy(two) != servedBy(one) {
			return true
		}
		two.Close()
		return false
	})
	return one, two
}

// servedBy is the node cookie of a client: which node the load balancer gave it to.
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
func TestCompose(t *testing.T) { // not parallel: the build of the image takes the whole machine
	testenv.Docker(t, "docker compose")
	c := composeUp(t)
	alice, bob := c.onTwoNodes()
	alice.Connect("/chat", `{"user":"alice"}`)
	bob.Connect("/chat", `{"user":"bob"}`)
	for i := range 8 { // rooms in partitions of both nodes
		bob.Call("/chat", "join", fmt.Sprintf(`{"room":"r%d"}`, i))
		alice.Call("/chat", "message", fmt.Sprintf(`{"room":"r%d","text":"hello"}`, i))
		if got := bob.Expect("/chat", "message.posted"); !strings.Contains(got, `"from":"alice"`) {
			t.Error(got)
		}
	}
	polling := rawsio.Poll(t, c.url) // every request of it must reach the same node
	polling.Connect("/chat", `{"user":"carol"}`)
	polling.Call("/chat", "join", `{"room":"r0"}`)
	bob.Call("/chat", "message", `{"room":"r0","text":"hello"}`)
	polling.Expect("/chat", "message.posted")
	for _, transports := range []string{"polling", "polling,websocket"} { // the second is how clients begin by themselves
		t.Run("JavaScript/"+transports, func(t *testing.T) { javascript(t, "client.mjs", transports, c.url, c.url) })
	}
	t.Run("Prometheus", func(t *testing.T) { // which finds the nodes by itself
		prometheus := fmt.Sprint("http://127.0.0.1:", c.prometheus)
		testenv.WaitFor(t, time.Minute, "Prometheus to read the metrics of both nodes", func() bool {
			return ask(t, prometheus, `count(switchyard_redis_up == 1) > 1`) == 1
		})
	})

	c.stopNode()
	carol := rawsio.Dial(t, c.url)
	carol.Connect("/chat", `{"user":"carol"}`)
	for i := range 8 {
		if got := carol.Call("/chat", "message", fmt.Sprintf(`{"room":"r%d","text":"still here"}`, i)); !strings.Contains(got, `"id"`) {
			t.Error(got)
		}
	}
}
