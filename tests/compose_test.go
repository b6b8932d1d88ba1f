package tests

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"slices"
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

	prometheus int      // its port
	settings   []string // environment of compose
}

// composeUp brings everything up, and down again when the test ends.
func composeUp(t *testing.T) *composed {
	t.Helper()
	port := testenv.FreePort(t)
	c := &composed{t: t, project: fmt.Sprint("switchyard-test-", port), port: port, url: fmt.Sprint("http://127.0.0.1:", port), prometheus: testenv.FreePort(t)}
	t.Cleanup(func() {
		if t.Failed() {
			logs, _ := c.run("logs", "--tail", "40", "node", "proxy")
			t.Log(logs)
		}
		if out, err := c.run("--profile", "*", "down", "--volumes", "--rmi", "local", "--timeout", "1"); err != nil {
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
	cmd.Env = c.environ()
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (c *composed) environ() []string {
	return append(os.Environ(), append(c.settings, fmt.Sprint("PORT=", c.port), fmt.Sprint("PROMETHEUS_PORT=", c.prometheus), "COMPOSE_PROFILES=observability")...)
}

// nodes are the ids of the nodes' containers.
func (c *composed) nodes() []string {
	c.t.Helper()
	out, err := c.run("ps", "-q", "node")
	if err != nil {
		c.t.Fatal(out)
	}
	return strings.Fields(out)
}

// docker runs a command of Docker's.
func (c *composed) docker(args ...string) {
	c.t.Helper()
	if out, err := exec.Command("docker", args...).CombinedOutput(); err != nil {
		c.t.Fatalf("docker %v: %v\n%s", args, err, out)
	}
}

// roll replaces all nodes, as docs/operate.md says.
func (c *composed) roll() {
	c.t.Helper()
	before := c.nodes()
	cmd := exec.Command("bash", "scripts/roll.sh")
	cmd.Dir = ".."
	cmd.Env = append(c.environ(), "COMPOSE_PROJECT_NAME="+c.project)
	if out, err := cmd.CombinedOutput(); err != nil {
		c.t.Errorf("%s: %v\n%s", cmd, err, out)
	}
	after := c.nodes()
	if len(after) != len(before) || slices.ContainsFunc(after, func(id string) bool { return slices.Contains(before, id) }) {
		c.t.Errorf("nodes were %v, and are %v", before, after)
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

// Every profile of the compose file is valid, with the settings that it needs.
func TestComposeProfilesAreValid(t *testing.T) {
	t.Parallel()
	testenv.Docker(t, "docker compose")
	c := &composed{t: t, project: "switchyard-test"}
	profiles, err := c.run("config", "--profiles")
	if err != nil {
		t.Fatal(profiles)
	}
	for _, profile := range append(strings.Fields(profiles), "*", "") {
		if out, err := c.run("--profile", profile, "config", "--quiet"); err != nil || out != "" {
			t.Errorf("profile %q: %v\n%s", profile, err, out)
		}
	}
}

// The compose file as it is: people on different nodes talk through the load balancer, and
// neither a rolling restart nor the death of a node loses anything, or keeps them away.
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

	during(t, c.url, "roll", 24, 5*time.Second, func([]*talker) { c.roll() })
	during(t, c.url, "kill", 24, 10*time.Second, func(all []*talker) {
		victim := c.nodes()[0]
		c.docker("kill", victim)
		goOn(t, all)
		c.docker("start", victim)
	})
	during(t, c.url, "vanish", 24, 30*time.Second, func(all []*talker) { // no FIN and no reset says that it has gone
		victim, network := c.nodes()[1], c.project+"_default" // the first is only just back, and has no clients
		c.docker("network", "disconnect", network, victim)
		goOn(t, all)
		c.docker("network", "connect", "--alias", "node", network, victim)
	})
	t.Run("cluster", c.onCluster)
}

// onCluster moves the nodes to the Redis Cluster of the profile.
func (c *composed) onCluster(t *testing.T) {
	profile := []string{"--profile", "cluster", "up", "--wait", "--wait-timeout", "120", "--no-build", "--scale", "node=1"}
	if out, err := c.run(profile...); err == nil || !strings.Contains(out, "redis-cluster") {
		t.Errorf("without REDIS_URL: %v\n%s", err, out)
	}
	c.settings = []string{"REDIS_URL=redis://redis-1:6379"}
	if out, err := c.run(profile...); err != nil {
		t.Fatalf("up: %v\n%s", err, out)
	}
	if out, err := c.run("exec", "-T", "redis-1", "redis-cli", "cluster", "info"); err != nil || !strings.Contains(out, "cluster_size:3") {
		t.Errorf("%v\n%s", err, out)
	}
	testenv.WaitFor(t, time.Minute, "the node on the Cluster", func() bool { return status(c.url+"/readyz") == 200 })
	if found := kept(t, c.url, "roll-0"); len(found) != 0 {
		t.Errorf("it is the other Redis: %d messages", len(found))
	}
	alice := rawsio.Dial(t, c.url)
	alice.Connect("/chat", `{"user":"alice"}`)
	if got := alice.Call("/chat", "message", `{"room":"r0","text":"hello"}`); !strings.Contains(got, `"id"`) {
		t.Error(got)
	}
}
