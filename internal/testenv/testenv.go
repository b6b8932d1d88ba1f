// Package testenv finds what tests need from the machine: a Redis, Docker, Node, Python.
//
// A test that needs what is not there is left out: skipped, and written down in the
// file that SWITCHYARD_LEFT_OUT names, from which `make test` makes its last line.
// With CI=true leaving out is failing. Start at Redis.
package testenv

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// Late is what a busy machine may add to a time that a test holds something to. Tests
// find what hangs and what waits for the wrong thing; how fast something is, benchmarks
// tell.
const Late = 3 * time.Second

// LeaveOut skips the test because something is missing, or fails it with CI=true.
func LeaveOut(t testing.TB, what, missing string) {
	t.Helper()
	record(t, "SWITCHYARD_LEFT_OUT", what+" ("+missing+")")
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s left out: %s", what, missing)
	}
	t.Skipf("%s left out: %s", what, missing)
}

// record appends a line to the file that an environment variable names.
func record(t testing.TB, variable, line string) {
	t.Helper()
	path := os.Getenv(variable)
	if path == "" {
		return
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := fmt.Fprintln(f, line); err != nil {
		t.Fatal(err)
	}
}

// Node returns the path of Node.js, or leaves the test out.
func Node(t testing.TB, what string) string {
	t.Helper()
	path, err := exec.LookPath("node")
	if err != nil {
		LeaveOut(t, what, "no Node.js on the PATH")
	}
	return path
}

// Chromium returns the path of a Chromium, or leaves the test out.
func Chromium(t testing.TB, what string) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	LeaveOut(t, what, "no Chromium on the PATH")
	return ""
}

// Python returns the path of a Python that has these modules, or leaves the test out.
// Debian's own comes second, since its packages need not be those of the first python3
// on the PATH.
func Python(t testing.TB, what string, modules ...string) string {
	t.Helper()
	for _, name := range []string{"python3", "/usr/bin/python3"} {
		if exec.Command(name, "-c", "import "+strings.Join(modules, ", ")).Run() == nil {
			return name
		}
	}
	LeaveOut(t, what, "no python3 with "+strings.Join(modules, " and "))
	return ""
}

// Docker leaves the test out where no Docker engine with compose answers.
func Docker(t testing.TB, what string) {
	t.Helper()
	if err := exec.Command("docker", "compose", "ls").Run(); err != nil {
		LeaveOut(t, what, "no Docker engine with compose answers")
	}
}
