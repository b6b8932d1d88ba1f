package testenv

import (
	"fmt"
	"os/exec"
	"testing"
	"time"
)

const prometheusImage = "prom/prometheus:v2.55.1" // as in docker-compose.yml

// Prometheus starts a Prometheus for one test, on the machine's own network, with the
// configuration in a folder (prometheus.yml), and returns its URL, or leaves the test out.
func Prometheus(t testing.TB, what, folder string) string {
	t.Helper()
	Docker(t, what)
	port := FreePort(t)
	name := fmt.Sprint("switchyard-prometheus-", port)
	t.Cleanup(func() {
		if t.Failed() {
			logs, _ := exec.Command("docker", "logs", "--tail", "20", name).CombinedOutput()
			t.Logf("the end of Prometheus' log:\n%s", logs)
		}
		if out, err := exec.Command("docker", "rm", "--force", "--volumes", name).CombinedOutput(); err != nil {
			t.Errorf("stop Prometheus: %v\n%s", err, out)
		}
	})
	out, err := exec.Command("docker", "run", "--detach", "--name", name, "--network", "host", "--volume", folder+":/etc/prometheus:ro", prometheusImage,
		"--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/prometheus", fmt.Sprint("--web.listen-address=127.0.0.1:", port)).CombinedOutput()
	if err != nil {
		t.Fatalf("start %s: %v\n%s", prometheusImage, err, out)
	}
	record(t, "SWITCHYARD_RAN_WITH", prometheusImage+" in a container")
	return fmt.Sprint("http://127.0.0.1:", port)
}

// Promtool runs promtool on a folder, in which its arguments name files, or leaves the
// test out.
func Promtool(t testing.TB, what, folder string, args ...string) (string, error) {
	t.Helper()
	Docker(t, what)
	run := []string{"run", "--rm", "--network", "none", "--volume", folder + ":/rules:ro", "--workdir", "/rules", "--entrypoint", "promtool", prometheusImage}
	cmd := exec.Command("docker", append(run, args...)...)
	cmd.WaitDelay = time.Minute
	out, err := cmd.CombinedOutput()
	return string(out), err
}
