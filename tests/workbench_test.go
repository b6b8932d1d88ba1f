package tests

import (
	"encoding/json"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/example/switchyard/internal/testenv"
)

func text(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// The dev container and the workflow have what tests want of a machine from one list, and
// the versions of the project.
func TestMachinesHaveWhatTestsNeed(t *testing.T) {
	t.Parallel()
	var c struct {
		Image             string
		Features          map[string]struct{ Version string }
		PostCreateCommand string
		ForwardPorts      []int
	}
	d := json.NewDecoder(strings.NewReader(text(t, "../.devcontainer/devcontainer.json")))
	if err := d.Decode(&c); err != nil {
		t.Fatal(err)
	}
	if c.Image == "" {
		t.Error("it has no image")
	}
	goVersion := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(text(t, "../go.mod"))[1]
	const features = "ghcr.io/devcontainers/features/"
	if got := c.Features[features+"go:1"].Version; got != goVersion {
		t.Errorf("it has Go %q, and go.mod says %s", got, goVersion)
	}
	for _, name := range []string{"node:1", "docker-in-docker:2"} {
		if _, ok := c.Features[features+name]; !ok {
			t.Errorf("it lacks the feature %s", name)
		}
	}
	list, workflow := text(t, "../.ci/packages"), text(t, "../.github/workflows/ci.yml")
	for _, program := range []string{"redis-server", "chromium", "python3-socketio", "python3-aiohttp", "python3-redis"} {
		if !strings.Contains(list, program) {
			t.Errorf(".ci/packages does not install %s", program)
		}
	}
	for what, in := range map[string]string{
		"bash .ci/packages": c.PostCreateCommand, "bash .ci/packages\n": text(t, "../.ci/run"), "run: bash .ci/run\n": workflow,
	} {
		if !strings.Contains(in, what) {
			t.Errorf("nothing does %q in\n%s", what, in)
		}
	}
	for _, command := range regexp.MustCompile(`make (\w+)`).FindAllStringSubmatch(c.PostCreateCommand+"\n"+workflow, -1) {
		if !strings.Contains(text(t, "../Makefile"), "\n"+command[1]+":") {
			t.Errorf("they run make %s, which is no target", command[1])
		}
	}
	if !slices.Contains(c.ForwardPorts, 8080) {
		t.Error("it does not forward 8080, where the node serves")
	}
}

// docker compose watch builds the nodes again when what they are made of changes.
func TestComposeWatchesTheNodes(t *testing.T) {
	t.Parallel()
	testenv.Docker(t, "docker compose watch")
	cmd := exec.Command("docker", "compose", "config", "--format", "json")
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("docker compose config: %v", err)
	}
	var config struct {
		Services map[string]struct {
			Develop struct {
				Watch []struct {
					Action, Path string
					Ignore       []string
				}
			}
		}
	}
	if err := json.Unmarshal(out, &config); err != nil {
		t.Fatal(err)
	}
	rules := config.Services["node"].Develop.Watch
	if len(rules) != 1 || rules[0].Action != "rebuild" {
		t.Fatalf("it watches %+v", rules)
	}
	for _, source := range []string{"cmd", "internal", "transport", "usecases", "wire_gen.go", "go.mod"} {
		if slices.ContainsFunc(rules[0].Ignore, func(i string) bool { return strings.TrimSuffix(i, "/") == source }) {
			t.Errorf("it ignores %s, of which nodes are made", source)
		}
	}
}
