package tests

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	app "github.com/example/switchyard"
	"github.com/example/switchyard/internal/auth"
	"github.com/example/switchyard/internal/config"
	"github.com/example/switchyard/internal/siotest"
	"github.com/example/switchyard/internal/spec"
	"github.com/example/switchyard/internal/testenv"
)

// contractFiles are the documents of the service as it is now.
func contractFiles(t *testing.T) []spec.File {
	t.Helper()
	n, closeAll, err := app.New(t.Context(), config.Config{NodeID: "contract", Role: "all", AuthMode: auth.None, LogLevel: "error", LogFormat: "text"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	defer closeAll()
	files, err := spec.Files(n.Contract, n.Sockets.Paths()[0])
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// A changed contract shows as a diff of docs/contract, and what breaks clients is named.
func TestTheContractIsWhatIsKept(t *testing.T) {
	t.Parallel()
	files := contractFiles(t)
	if err := spec.Compatible("../docs/contract/asyncapi.yaml", files); err != nil {
		t.Error(err)
	}
	kept := 0
	for _, f := range files {
		golden, err := os.ReadFile(filepath.Join("../docs/contract", f.Name))
		if os.IsNotExist(err) {
			continue
		}
		kept++
		if diff := cmp.Diff(string(golden), string(f.Body)); err != nil || diff != "" {
			t.Errorf("docs/contract/%s, run `make generate`: %v %s", f.Name, err, diff)
		}
	}
	if kept != len(spec.Kept) {
		t.Errorf("docs/contract has %d documents, want %q: run `make generate`", kept, spec.Kept)
	}
}

// The program prints the contract with no Redis, whatever the environment says.
func TestContractProgram(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "contract")
	if out, err := exec.Command("go", "build", "-o", path, "../cmd/contract").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	for format, file := range map[string]string{"": "asyncapi.yaml", "yaml": "asyncapi.yaml", "ts": "client.ts", "openapi": "openapi.yaml", "bus": "asyncapi.bus.yaml"} {
		var args []string
		if format != "" {
			args = []string{"-format", format}
		}
		cmd := exec.Command(path, args...)
		cmd.Env = append(os.Environ(), "REDIS_URL=redis://127.0.0.1:1", "AUTH_MODE=jwt")
		out, err := cmd.Output()
		golden, err2 := os.ReadFile(filepath.Join("../docs/contract", file))
		if err != nil || err2 != nil || string(out) != string(golden) {
			t.Errorf("contract %q: %v %v\n%.300s", args, err, err2, out)
		}
	}
	if out, err := exec.Command(path, "-format", "json").Output(); err != nil || !json.Valid(out) {
		t.Errorf("contract -format json: %v\n%.300s", err, out)
	}
	for _, args := range [][]string{{"-format", "xml"}, {"x"}, {"-colour"}} {
		out, err := exec.Command(path, args...).CombinedOutput()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 2 || !strings.Contains(string(out), "-format") {
			t.Errorf("contract %q: %v\n%s", args, err, out)
		}
	}
}

// The documents are served where callers are believed, or where the settings say so.
func TestDocumentsAreServed(t *testing.T) {
	t.Parallel()
	secret := "JWT_SECRET=" + strings.Repeat("s", 32)
	text, err := os.ReadFile("../docs/contract/asyncapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	kept, err := spec.Read(text)
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		env    []string
		status int
	}{
		"for development": {nil, 200},
		"with tokens":     {[]string{"AUTH_MODE=jwt", secret}, 404},
		"with both":       {[]string{"AUTH_MODE=jwt", secret, "DOCS_ENABLED=true"}, 200},
		"switched off":    {[]string{"DOCS_ENABLED=false"}, 404},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := siotest.Launch(t, "", "docs", tc.env...)
			for path, contentType := range map[string]string{
				"/asyncapi": "text/html; charset=utf-8", "/asyncapi.json": "application/json", "/asyncapi.yaml": "application/yaml",
				"/asyncapi.bus.json": "application/json", "/asyncapi.bus.yaml": "application/yaml",
				"/openapi.json": "application/json", "/openapi.yaml": "application/yaml", "/client.ts": "text/plain; charset=utf-8",
			} {
				r, err := http.Get(p.URL + path)
				if err != nil {
					t.Fatal(err)
				}
				body, err := io.ReadAll(r.Body)
				r.Body.Close()
				if err != nil || r.StatusCode != tc.status {
					t.Errorf("%s: %d %v", path, r.StatusCode, err)
				}
				if tc.status != 200 {
					continue
				}
				if got := r.Header.Get("Content-Type"); got != contentType || !strings.Contains(string(body), kept.Info.Title) {
					t.Errorf("%s: %s %.100s", path, got, body)
				}
				if !strings.Contains(r.Header.Get("Content-Security-Policy"), "default-src 'none'") {
					t.Errorf("%s has no policy", path)
				}
			}
		})
	}
}

// AsyncAPI's own parser finds no error in the documents of the service, nor in those of a
// service that declares all that can be declared.
func TestAsyncAPIParser(t *testing.T) {
	t.Parallel()
	testenv.JavaScript(t, "the parser of AsyncAPI", "js", "asyncapi.mjs",
		"../../docs/contract/asyncapi.yaml", "../../docs/contract/asyncapi.bus.yaml",
		"../../internal/spec/testdata/asyncapi.yaml", "../../internal/spec/testdata/asyncapi.bus.yaml")
}

// The generated client compiles, with every check of the compiler, against
// socket.io-client's own typings, and says and hears on two nodes what its types tell.
func TestTypeScriptClient(t *testing.T) {
	t.Parallel()
	const what = "the TypeScript client"
	testenv.NodeModules(t, what, "js")
	folder := t.TempDir()
	for to, from := range map[string]string{
		"contract.ts": "../docs/contract/client.ts", "everything.ts": "../internal/spec/testdata/client.ts", "client.ts": "js/client.ts", "arguments.ts": "js/arguments.ts",
		"namespaces.ts": "js/namespaces.ts",
	} {
		text, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, to), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(folder, "package.json"), []byte(`{"type":"module"}`), 0o644); err != nil {
		t.Fatal(err)
	}
	modules, err := filepath.Abs("js/node_modules")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(modules, filepath.Join(folder, "node_modules")); err != nil {
		t.Fatal(err)
	}
	testenv.RunNode(t, what, folder, "node_modules/typescript/bin/tsc", "--strict", "--noUncheckedIndexedAccess", "--exactOptionalPropertyTypes",
		"--noUnusedLocals", "--noImplicitReturns", "--target", "es2022", "--module", "nodenext", "--types", "node",
		"client.ts", "everything.ts", "arguments.ts", "namespaces.ts")
	if t.Failed() {
		return
	}
	nodes := siotest.Cluster(t, 2)
	testenv.RunNode(t, what, folder, "client.js", nodes[0].URL, nodes[1].URL)
}
