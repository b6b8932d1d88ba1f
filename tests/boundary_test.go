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

// allowed says all that some packages may import besides the standard library, and
// why. Packages and imports are named as in boundaries.
var allowed = []struct {
	packages string
	except   []string // of the packages
	imports  []string
	why      string
}{
	{"internal/contract", nil, nil, "contract is values only: it depends on nothing, so that everything can depend on it"},
	{"internal/fault", nil, nil, "fault is values only: it depends on nothing, so that everything can depend on it"},
	{"web", nil, nil, "the page is files: it talks to the service from the browser, as a client"},
	{"internal/jsonscan", nil, nil, "jsonscan reads bytes and knows nothing else"},
	{"transport/socketio/client", nil, []string{"internal/contract", "internal/fault", "github.com/gorilla/websocket"},
		"the client is for other programs too: it brings none of the server with it"},
	{"internal/msgpack", nil, []string{"internal/jsonscan"}, "msgpack reads bytes and knows nothing else"},
	{"internal/logging", nil, []string{"internal/contract", "internal/fault", "go.opentelemetry.io/otel/trace"}, "everything logs through logging, so it knows what a command and a trace are and nothing else"},
	{"internal/tracing", nil, []string{"go.opentelemetry.io/..."}, "spans are told what they are about, in texts"},
	{"internal/ratelimit", nil, []string{"internal/contract", "internal/fault"}, "rates are counted without Redis where there is none; redisrate knows it"},
	{"usecases/...", []string{"usecases"}, []string{"internal/contract", "internal/fault", "go.opentelemetry.io/otel", "go.opentelemetry.io/otel/attribute", "go.opentelemetry.io/otel/codes", "go.opentelemetry.io/otel/trace"},
		"a use case returns effects and keeps things behind ports of its own: it knows no transport, no broker, no store and no other use case"},
	{"usecases", nil, []string{"usecases/...", "internal/contract", "github.com/google/wire"}, "usecases.go gathers the use cases and does nothing else"},
}

// boundaries says who may not import what, and why. A package is named by its path
// in this module, with /... for everything below it too; so is an import of this
// module, and any other import by its whole path.
var boundaries = []struct {
	packages string
	except   []string // of the packages
	imports  string
	why      string
}{
	{"internal/...", []string{"internal/store/..."}, "usecases/...", "the machinery is the same for every service; only stores know what they keep"},
	{"transport/...", nil, "usecases/...", "adding a command never touches transport"},
	{"transport/...", nil, "github.com/redis/...", "transports reach Redis through the lanes alone"},
	{"cmd/server", nil, "usecases/...", "the service is put together in wire.go"},
	{"cmd/server", nil, "internal/store/...", "the service is put together in wire.go"},
	{"...", []string{"internal/broker", "internal/emitter", "internal/events/...", "cmd/...", "examples/..."}, "github.com/ThreeDotsLabs/...", "Watermill lives in internal/broker, its modules for other brokers in internal/events, and programs that follow all events in cmd"},
	{"...", []string{"internal/events/nats"}, "github.com/ThreeDotsLabs/watermill-nats/...", "each broker of events is one package, which can be deleted"},
	{"...", []string{"internal/events/amqp"}, "github.com/ThreeDotsLabs/watermill-amqp/...", "each broker of events is one package, which can be deleted"},
	{"...", []string{"internal/events/kafka"}, "github.com/ThreeDotsLabs/watermill-kafka/...", "each broker of events is one package, which can be deleted"},
	{"...", []string{"internal/node"}, "internal/events", "which broker takes events is chosen in one place; the others know broker.Bus"},
	{"...", []string{"transport/socketio/sockets"}, "github.com/zishang520/...", "the Socket.IO library stays in one package, so that its successor is a change of one"},
	{"...", []string{"transport/socketio", "transport/socketio/admin", "internal/node", "tests/..."}, "transport/socketio/sockets", "sockets is the gateway's own, and that of the admins' server; the node only configures it"},
	{"...", []string{"internal/node"}, "transport/socketio/admin", "the Admin UI looks on: nothing depends on it, and it can be deleted"},
	{"transport/socketio/engineio", nil, "transport/socketio/sockets", "the engine knows nothing of Socket.IO"},
	{"...", []string{"internal/node"}, "web", "what is served at / is chosen in one place; without it the page can be deleted"},
	{"internal/broker", nil, "internal/schema", "the lanes carry bytes that were checked at the edge"},
	{"internal/broker", nil, "internal/events/...", "the lanes know a Bus, not what is behind it"},
	{"internal/broker", nil, "transport/...", "the lanes know no socket"},
	{"internal/broker", nil, "internal/spec", "the lanes are described, and know no document"},
	{"internal/spec", nil, "transport/...", "documents come from the declarations alone"},
	{"...", []string{"internal/metrics"}, "github.com/prometheus/...", "metrics have their names and meanings in one place; others count with what it gives them"},
	{"internal/metrics", nil, "transport/...", "metrics are told what is, and know nobody who tells"},
	{"internal/metrics", nil, "internal/broker", "metrics are told what is, and know nobody who tells"},
	{"...", []string{"internal/tracing", "tests/..."}, "go.opentelemetry.io/otel/sdk/...", "how traces are made and sent is one package's; others know its Tracer, or the span of a context"},
	{"...", []string{"internal/tracing"}, "go.opentelemetry.io/otel/exporters/...", "how traces are made and sent is one package's; others know its Tracer, or the span of a context"},
	{"...", []string{"internal/spec"}, "go.yaml.in/...", "YAML is for documents"},
	{"internal/emitter", nil, "transport/...", "the emitter declares the sink it needs; wire.go binds the gateway to it"},
	{"...", []string{"internal/store/...", "cmd/...", "examples/..."}, "internal/store/...", "ports are bound to stores in wire.go, and in programs that follow all events"},
	{"...", nil, "internal/testenv", "test helpers stay in tests"},
	{"...", nil, "internal/rawsio", "test helpers stay in tests"},
	{"...", []string{"tests/..."}, "internal/siotest/...", "test helpers stay in tests, and in the programs that tests run"},
}

func TestBoundaries(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		name := p.name()
		if name == "" || isTestHelper(name) {
			continue
		}
		for _, imported := range p.Imports {
			own := strings.TrimPrefix(imported, p.Module.Path+"/")
			for _, b := range boundaries {
				if matches(b.packages, name) && !matchesAny(b.except, name) && matches(b.imports, own) {
					t.Errorf("%s imports %s: %s", name, own, b.why)
				}
			}
			if own == imported && !strings.Contains(strings.Split(imported, "/")[0], ".") {
				continue // the standard library
			}
			for _, a := range allowed {
				if matches(a.packages, name) && !matchesAny(a.except, name) && !matchesAny(a.imports, own) {
					t.Errorf("%s imports %s: %s", name, own, a.why)
				}
			}
		}
	}
}

// isTestHelper tells packages that only tests import, and that may import anything.
func isTestHelper(name string) bool {
	return slices.Contains([]string{"internal/testenv", "internal/rawsio", "internal/siotest", "internal/store/storetest", "internal/contract/contracttest"}, name)
}

func matches(pattern, name string) bool {
	prefix, all := strings.CutSuffix(pattern, "...")
	if !all {
		return pattern == name
	}
	return strings.HasPrefix(name, prefix) || name == strings.TrimSuffix(prefix, "/")
}

func matchesAny(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return matches(p, name) })
}

type listed struct {
	ImportPath string
	Imports    []string
	Module     struct{ Path string }
}

// name is the package's path in this module.
func (l listed) name() string {
	return strings.TrimPrefix(strings.TrimPrefix(l.ImportPath, l.Module.Path), "/")
}

// packages lists the module's packages with what they import, not counting tests.
func packages(t *testing.T) []listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports,Module", "./...")
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
	var patterns []string
	for _, a := range allowed {
		patterns = append(append(patterns, a.packages), a.except...)
	}
	for _, b := range boundaries {
		patterns = append(append(patterns, b.packages), b.except...)
	}
	for _, pattern := range patterns {
		if pattern == "internal/store/..." {
			continue // a service need not keep anything
		}
		if !slices.ContainsFunc(all, func(p listed) bool { return matches(pattern, p.name()) }) {
			t.Errorf("no package matches %s", pattern)
		}
	}
}

func TestNoFolderIsADrawer(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		for _, part := range strings.Split(p.name(), "/") {
			if slices.Contains([]string{"pkg", "util", "utils", "common", "models", "types", "interfaces", "mocks", "entity", "helpers"}, part) {
				t.Errorf("%s: name the folder after what is in it", p.ImportPath)
			}
		}
	}
}
