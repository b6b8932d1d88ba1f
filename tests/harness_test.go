// Package tests sees the service as its users do: whole nodes, a real Redis, real
// clients, nothing mocked.
package tests

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/example/switchyard/internal/siotest"
)

func TestMain(m *testing.M) { os.Exit(siotest.Main(m)) }

// ready is what a node says of its readiness.
func ready(t *testing.T, url string) (status int, text string) {
	t.Helper()
	resp, err := http.Get(url + "/readyz?verbose")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// metric reads one from the admin port.
func metric(t *testing.T, admin, name string) float64 {
	t.Helper()
	resp, err := http.Get("http://" + admin + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		var value float64
		if _, err := fmt.Sscanf(line, name+" %g", &value); err == nil {
			return value
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}
