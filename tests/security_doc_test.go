package tests

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/example/switchyard/internal/testenv"
)

// Each threat in docs/security.md has a proof that exists, by its package.
func TestSecurityNamesTestsThatExist(t *testing.T) {
	t.Parallel()
	text, _ := proofs(t, "../docs/security.md")
	_, table, ok := strings.Cut(text, "## Threats")
	rows := 0
	for line := range strings.SplitSeq(table, "\n") {
		cells := strings.Split(line, " | ")
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| threat |") {
			continue
		}
		rows++
		proof := namedTest.FindAllStringSubmatch(cells[len(cells)-1], -1)
		if len(cells) != 3 || proof == nil || slices.ContainsFunc(proof, func(p []string) bool { return p[1] == "" }) {
			t.Errorf("no proof, or one without its package: %s", line)
		}
	}
	if !ok || rows < 15 {
		t.Errorf("it has %d threats: has its form changed?", rows)
	}
}

// Nodes of the compose file can write nothing outside a volume, gain nothing, and are not
// root.
func TestContainersHaveNoRights(t *testing.T) {
	t.Parallel()
	testenv.Docker(t, "the rights of containers")
	cmd := exec.Command("docker", "compose", "-f", "../docker-compose.yml", "config", "--format", "json")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("docker compose config: %v", err)
	}
	var file struct {
		Services map[string]struct {
			ReadOnly    bool     `json:"read_only"`
			CapDrop     []string `json:"cap_drop"`
			SecurityOpt []string `json:"security_opt"`
			Privileged  bool
			User        string
			Ports       []any
		}
	}
	if err := json.Unmarshal(out, &file); err != nil {
		t.Fatal(err)
	}
	node := file.Services["node"]
	if !node.ReadOnly || !slices.Equal(node.CapDrop, []string{"ALL"}) || !slices.Contains(node.SecurityOpt, "no-new-privileges:true") ||
		node.Privileged || node.User != "" || node.Ports != nil {
		t.Errorf("a node has rights: %+v", node)
	}
	if image := dockerfile(t); !strings.Contains(image, ":nonroot\n") || strings.Contains(image, "\nUSER ") {
		t.Error("the image runs as root")
	}
}

// dockerfile is its last stage, which the image is.
func dockerfile(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("../deployments/Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	return string(b[bytes.LastIndex(b, []byte("\nFROM ")):])
}
