package siotest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/example/switchyard/internal/config"
)

// Environ is the environment of the tests without the settings of whoever runs them,
// which are not meant.
func Environ() []string {
	var kept []string
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); !settings()[name] {
			kept = append(kept, variable)
		}
	}
	return kept
}

var settings = sync.OnceValue(func() map[string]bool {
	names := map[string]bool{}
	for _, s := range config.Table() {
		names[s.Name] = true
	}
	return names
})

// Main runs the tests of a package that launches processes: it keeps the programs from
// one test to the next. Without it each test builds its own.
//
//	func TestMain(m *testing.M) { os.Exit(siotest.Main(m)) }
func Main(m *testing.M) int {
	var err error
	if programs, err = os.MkdirTemp("", "siotest"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(programs) }() // what is left the system removes
	return m.Run()
}

var (
	programs string   // the folder that Main keeps, "" without it
	builds   sync.Map // path -> func() error, which builds it once
)

// Program builds a program of this module, "cmd/server", without the race detector, and
// returns the path of its executable.
func Program(t testing.TB, program string) string {
	t.Helper()
	folder := programs
	if folder == "" {
		folder = t.TempDir()
	}
	path := filepath.Join(folder, strings.ReplaceAll(program, "/", "-"))
	module := strings.TrimSuffix(reflect.TypeFor[Process]().PkgPath(), "/internal/siotest")
	build, _ := builds.LoadOrStore(path, sync.OnceValue(func() error {
		if out, err := exec.Command("go", "build", "-o", path, module+"/"+program).CombinedOutput(); err != nil {
			return fmt.Errorf("build %s: %w\n%s", program, err, out)
		}
		return nil
	}))
	if err := build.(func() error)(); err != nil {
		t.Fatal(err)
	}
	return path
}
