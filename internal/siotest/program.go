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
	if programs.folder, err = os.MkdirTemp("", "siotest"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(programs.folder)
	return m.Run()
}

// programs are those that Main keeps.
var programs struct {
	folder string
	mu     sync.Mutex
	built  map[string]func() error
}

// Program builds a program of this module, "cmd/server", without the race detector, and
// returns the path of its executable.
func Program(t testing.TB, program string) string {
	t.Helper()
	folder := programs.folder
	if folder == "" {
		folder = t.TempDir()
	}
	path := filepath.Join(folder, strings.ReplaceAll(program, "/", "-"))
	module, _ := strings.CutSuffix(reflect.TypeFor[Process]().PkgPath(), "/internal/siotest")
	build := func() error {
		if out, err := exec.Command("go", "build", "-o", path, module+"/"+program).CombinedOutput(); err != nil {
			return fmt.Errorf("build %s: %w\n%s", program, err, out)
		}
		return nil
	}
	if programs.folder != "" {
		build = once(program, build)
	}
	if err := build(); err != nil {
		t.Fatal(err)
	}
	return path
}

// once has a program built once.
func once(program string, build func() error) func() error {
	programs.mu.Lock()
	defer programs.mu.Unlock()
	if programs.built == nil {
		programs.built = map[string]func() error{}
	}
	if programs.built[program] == nil {
		programs.built[program] = sync.OnceValue(build)
	}
	return programs.built[program]
}
