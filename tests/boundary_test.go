package tests

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/example/switchyard"

// boundaries says who may not import what, and why. A package is named by its path
// in this module, with /... for everything below it too; so is an import of this
// module, and any other import by its whole path.
var boundaries = []struct {
	packages string
	except   []string // of the packages
	imports  string
	why      string
}{
	{"internal/contract", nil, "internal/...", "contract is values only: it depends on nothing, so that everything can depend on it"},
	{"internal/fault", nil, "internal/...", "fault is values only: it depends on nothing, so that everything can depend on it"},
	{"usecases/...", nil, "transport/...", "a use case does not know how it is called"},
	{"usecases/...", nil, "github.com/redis/...", "a use case keeps things behind a port of its own; internal/store implements it"},
	{"usecases/...", nil, "github.com/ThreeDotsLabs/...", "a use case returns effects; it holds no publisher"},
	{"usecases/chat", nil, "usecases/...", "use cases talk by events, not by calls"},
	{"usecases/tasks", nil, "usecases/...", "use cases talk by events, not by calls"},
	{"internal/...", []string{"internal/store/..."}, "usecases/...", "the machinery is the same for every service; only stores know what they keep"},
	{"transport/...", nil, "usecases/...", "adding a command never touches transport"},
	{"transport/...", nil, "github.com/redis/...", "transports reach Redis through the lanes alone"},
	{"cmd/...", nil, "usecases/...", "programs are put together in wire.go"},
	{"...", []string{"internal/broker", "internal/emitter"}, "github.com/ThreeDotsLabs/...", "Watermill lives in internal/broker; the emitter is one of its handlers"},
	{"...", []string{"transport/socketio/sockets"}, "github.com/zishang520/...", "the Socket.IO library stays in one package, so that its successor is a change of one"},
	{"...", []string{"transport/socketio", "internal/node", "tests/..."}, "transport/socketio/sockets", "sockets is the gateway's own; the node only configures it"},
	{"transport/socketio/engineio", nil, "transport/socketio/sockets", "the engine knows nothing of Socket.IO"},
	{"internal/broker", nil, "internal/schema", "the lanes carry bytes that were checked at the edge"},
	{"internal/broker", nil, "transport/...", "the lanes know no socket"},
	{"internal/emitter", nil, "transport/...", "the emitter declares the sink it needs; wire.go binds the gateway to it"},
	{"...", []string{"internal/store/..."}, "internal/store/...", "ports are bound to stores in wire.go alone"},
	{"...", nil, "internal/testenv", "test helpers stay in tests"},
	{"...", nil, "internal/rawsio", "test helpers stay in tests"},
}

// stdOnly are the packages that import nothing but the standard library.
var stdOnly = []string{"internal/contract", "internal/fault", "internal/jsonscan"}

func TestBoundaries(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		name := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
		for _, imported := range p.Imports {
			own := strings.TrimPrefix(imported, module+"/")
			for _, b := range boundaries {
				if matches(b.packages, name) && !slices.ContainsFunc(b.except, func(e string) bool { return matches(e, name) }) &&
					matches(b.imports, own) && name != "" && !isTestHelper(name) {
					t.Errorf("%s imports %s: %s", name, own, b.why)
				}
			}
			if slices.Contains(stdOnly, name) && strings.Contains(strings.Split(imported, "/")[0], ".") {
				t.Errorf("%s imports %s: it imports nothing but the standard library", name, own)
			}
		}
	}
}

// isTestHelper tells packages that only tests import, and that may import anything.
func isTestHelper(name string) bool {
	return slices.Contains([]string{"internal/testenv", "internal/rawsio", "internal/store/storetest", "internal/contract/contracttest"}, name)
}

func matches(pattern, name string) bool {
	prefix, all := strings.CutSuffix(pattern, "...")
	if !all {
		return pattern == name
	}
	return strings.HasPrefix(name, prefix) || name == strings.TrimSuffix(prefix, "/")
}

type listed struct {
	ImportPath string
	Name       string
	Imports    []string
}

// packages lists the module's packages with what they import, not counting tests.
func packages(t *testing.T) []listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Name,Imports", "./...")
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []listed
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if len(all) < 15 {
		t.Fatalf("go list found %d packages", len(all))
	}
	return all
}

// The rules themselves name packages that exist: a rule about a package that was
// renamed would hold for ever.
func TestBoundariesNamePackagesThatExist(t *testing.T) {
	t.Parallel()
	all := packages(t)
	for _, b := range boundaries {
		for _, pattern := range append([]string{b.packages}, b.except...) {
			if !slices.ContainsFunc(all, func(p listed) bool {
				return matches(pattern, strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/"))
			}) {
				t.Errorf("no package matches %s", pattern)
			}
		}
	}
}

func TestNoFolderIsADrawer(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		for _, part := range strings.Split(p.ImportPath, "/") {
			if slices.Contains([]string{"pkg", "util", "utils", "common", "models", "types", "interfaces", "mocks", "entity", "helpers"}, part) {
				t.Errorf("%s: name the folder after what is in it", p.ImportPath)
			}
		}
	}
}
