package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/module"
	"golang.org/x/mod/zip"

	"github.com/example/switchyard/internal/siotest"
	"github.com/example/switchyard/internal/testenv"
)

// What people make of this repository keeps what was promised. Each copy is in the same
// folder, one after the other, so that what they have in common is compiled and tested once.
func TestCopies(t *testing.T) {
	t.Parallel()
	git(t)
	dir := filepath.Join(t.TempDir(), filepath.Base(yours))
	t.Run("gonew", func(t *testing.T) { gonewAndInit(t, dir) })
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	t.Run("without the example", func(t *testing.T) { initWithoutTheExample(t, dir) })
}

// A copy that gonew has made passes its tests as it is, without git; and it can be given
// its name then.
func gonewAndInit(t *testing.T, dir string) {
	t.Helper()
	source := testenv.Module(t, "../..")
	was := strings.TrimSpace(must(t, source, "go", "list", "-m"))
	proxy := t.TempDir()
	publish(t, proxy, module.Version{Path: was, Version: "v1.0.0"}, source)
	gonew := filepath.Join(t.TempDir(), "gonew")
	must(t, source, "go", "build", "-modfile=tools.mod", "-o", gonew, "golang.org/x/tools/cmd/gonew")
	env := []string{"GOPROXY=file://" + proxy, "GOSUMDB=off", "GOMODCACHE=" + t.TempDir(), "GOFLAGS=-modcacherw"}
	if out, err := in(filepath.Dir(dir), env, gonew, was+"@v1.0.0", yours); err != nil {
		t.Fatalf("gonew: %v\n%s", err, out)
	}
	must(t, dir, "go", "list", "-deps", "./...") // all that is imported is there; vet compiles it below
	must(t, dir, "go", "test", "-vet=off", "./cmd/contract", "./cmd/server", "./usecases/...", "./internal/config", "./internal/spec")
	t.Run("its walkthrough", func(t *testing.T) { // whose README gonew does not change
		const what, js = "the README's walkthrough after gonew", "../../tests/js"
		testenv.NodeModules(t, what, js)
		modules, err := filepath.Abs(js + "/node_modules")
		if err != nil {
			t.Fatal(err)
		}
		must(t, dir, "bash", "scripts/first-command.sh", modules)
	})
	if out, err := in(dir, nil, "make", "verify"); err == nil || !strings.Contains(out, "git init") {
		t.Errorf("make verify without git: %v\n%s", err, out)
	}
	if out, err := in(dir, nil, "make", "init", "MODULE="+yours, "NAME=hyphen-ated"); err == nil || !strings.Contains(out, "no git repository") {
		t.Errorf("make init without git: %v\n%s", err, out)
	}
	commit(t, dir)
	said := must(t, dir, "make", "init", "MODULE="+yours, "NAME=hyphen-ated")
	initialised(t, dir, said, "- Made from "+original+".\n")
}

// A clone that drops the example keeps what is left working, and says where it comes from.
func initWithoutTheExample(t *testing.T, dir string) {
	t.Helper()
	if err := os.Rename(testenv.Module(t, "../.."), dir); err != nil {
		t.Fatal(err)
	}
	commit(t, dir)
	must(t, dir, "git", "update-ref", "refs/remotes/origin/main", "HEAD")
	from := strings.TrimSpace(must(t, dir, "git", "rev-parse", "--short", "HEAD"))
	if own := nouns(dir); len(own) > 0 {
		if out, err := in(dir, nil, "make", "init", "MODULE="+yours, "NAME=hyphen-ated", "EXAMPLE=drop"); err == nil || !strings.Contains(out, "without the lines of "+strings.Join(own, ", ")) {
			t.Errorf("it would leave %v without their lines: %v\n%s", own, err, out)
		}
		return
	}
	said := must(t, dir, "make", "init", "MODULE="+yours, "NAME=hyphen-ated", "EXAMPLE=drop")
	initialised(t, dir, said, "- Made from "+original+", at "+from+".\n")
	must(t, dir, "go", "test", "-vet=off", "./cmd/loadgen", "./cmd/yard", "./internal/siotest", "./web") // some of which it changes
	for _, pattern := range []string{"usecases/(chat|tasks)", "redisstore\\.", `"/(chat|tasks)"`} {
		if out, err := in(dir, nil, "git", "grep", "-E", pattern, "--", ":(glob)tests/*_test.go", "wire*.go", "usecases", "cmd/loadgen", "cmd/server", "cmd/contract"); err == nil {
			t.Errorf("%s is still there:\n%s", pattern, out)
		}
	}
	must(t, dir, "go", "tool", "-modfile=tools.mod", "golangci-lint", "run", "--allow-parallel-runners", "--enable-only", "unused", "./tests") // helpers of tests that are gone
}

// initialised holds a tree to what `make init` has promised.
func initialised(t *testing.T, dir, said, origin string) {
	t.Helper()
	if !strings.Contains(said, "hyphen-ated is yours, and nothing is committed yet") {
		t.Errorf("make init does not say what is left to do:\n%s", said)
	}
	commit(t, dir)
	must(t, dir, "make", "verify")
	for _, pattern := range []string{original, `\bswitchyard\b`} {
		if out, err := in(dir, nil, "git", "grep", "--ignore-case", pattern, "--", ":!LICENSE", ":!CHANGELOG.md"); err == nil {
			t.Errorf("it still says %s:\n%s", pattern, out)
		}
	}
	changes, err := os.ReadFile(filepath.Join(dir, "CHANGELOG.md"))
	if err != nil || !strings.HasSuffix(string(changes), origin) {
		t.Errorf("%v; where it comes from is not %q:\n%s", err, origin, changes)
	}
	if out, err := in(dir, nil, "make", "init", "MODULE=a.b/c", "NAME=c"); err == nil || !strings.Contains(out, "make init has run: this is hyphen-ated already") {
		t.Errorf("a second run: %v\n%s", err, out)
	}
	if out := must(t, dir, "make", "help"); strings.Contains(out, "make init") {
		t.Errorf("make help still offers it:\n%s", out)
	}
	must(t, dir, "go", "mod", "tidy", "-diff")
	if out := must(t, dir, "gofmt", "-l", "."); out != "" {
		t.Errorf("gofmt -l: %s", out)
	}
	must(t, dir, "go", "vet", "./...")
	must(t, dir, "go", "test", "-vet=off", "./cmd/contract", "./cmd/server", "./usecases/...", "./internal/config", "./internal/spec")
	must(t, dir, "go", "test", "-vet=off", "-run", "TestBoundaries|TestNoFolder|TestTheContract|TestTheReadme|TestTheWords|TestMachines|TestLinks|TestGuarantees|TestParity|TestConversations/(hello|chat-rooms)/embedded", "./tests")
}

// publish makes a tree of files that GOPROXY can name.
func publish(t *testing.T, proxy string, v module.Version, dir string) {
	t.Helper()
	escaped, err := module.EscapePath(v.Path)
	if err != nil {
		t.Fatal(err)
	}
	base := filepath.Join(proxy, filepath.FromSlash(escaped), "@v")
	mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{
		os.MkdirAll(base, 0o755),
		os.WriteFile(filepath.Join(base, "list"), []byte(v.Version+"\n"), 0o600),
		os.WriteFile(filepath.Join(base, v.Version+".info"), fmt.Appendf(nil, `{"Version":%q}`, v.Version), 0o600),
		os.WriteFile(filepath.Join(base, v.Version+".mod"), mod, 0o600),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	f, err := os.Create(filepath.Join(base, v.Version+".zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := zip.CreateFromDir(f, v, dir); err != nil {
		t.Fatal(err)
	}
}

// What cannot be done, or could not be undone, is refused with a reason, all at once, and
// nothing is changed.
func TestRefusals(t *testing.T) {
	t.Parallel()
	git(t)
	program := siotest.Program(t, "cmd/init")
	repository := func(t *testing.T, readme string) string {
		t.Helper()
		dir := t.TempDir()
		for name, text := range map[string]string{"README.md": readme, "go.mod": "module " + original + "\n"} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
	committed := func(t *testing.T, readme string) string {
		t.Helper()
		dir := repository(t, readme)
		commit(t, dir)
		return dir
	}
	for name, tc := range map[string]struct {
		dir          string
		module, name string
		example      string
		want         []string
	}{
		"nothing said":   {committed(t, title), "", "", "", []string{"MODULE is the path", `NAME="" is no name`, "want: make init MODULE="}},
		"a bad module":   {committed(t, title), "service", "service", "", []string{"missing dot in first path element"}},
		"its own module": {committed(t, title), original, "service", "", []string{"take your own"}},
		"a bad name":     {committed(t, title), yours, "My_Service", "", []string{`NAME="My_Service" is no name`}},
		"a long name":    {committed(t, title), yours, strings.Repeat("x", 41), "", []string{"at most 40"}},
		"a name taken":   {committed(t, title), yours, "gateway", "", []string{"means something else"}},
		"a bad example":  {committed(t, title), yours, "service", "no", []string{`EXAMPLE="no"`}},
		"no git":         {repository(t, title), yours, "service", "", []string{"no git repository", "git init"}},
		"another's git":  {filepath.Join(committed(t, title), "below"), yours, "service", "", []string{"it must be one of its own"}},
		"no commit": {func() string {
			dir := repository(t, title)
			must(t, dir, "git", "init", "--quiet")
			return dir
		}(), yours, "service", "", []string{"nothing is committed yet"}},
		"a dirty tree": {func() string {
			dir := committed(t, title)
			if err := os.WriteFile(filepath.Join(dir, "new.txt"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			return dir
		}(), yours, "service", "", []string{"differ from what is committed", "new.txt"}},
		"a noun of one's own": {func() string {
			dir := repository(t, title)
			if err := errors.Join(os.MkdirAll(filepath.Join(dir, "usecases/shelf"), 0o755), os.WriteFile(filepath.Join(dir, "usecases/shelf/shelf.go"), []byte("package shelf\n"), 0o600)); err != nil {
				t.Fatal(err)
			}
			commit(t, dir)
			return dir
		}(), yours, "service", "drop", []string{"without the lines of usecases/shelf: leave it out"}},
		"a second run": {committed(t, "# mine\n"), yours, "service", "", []string{"make init has run already"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := os.MkdirAll(tc.dir, 0o755); err != nil {
				t.Fatal(err)
			}
			before, _ := in(tc.dir, nil, "git", "status", "--porcelain")
			out, err := in(tc.dir, nil, program, "-module", tc.module, "-name", tc.name, "-example", tc.example)
			for _, want := range tc.want {
				if err == nil || !strings.Contains(out, want) {
					t.Errorf("%v, and nothing says %q:\n%s", err, want, out)
				}
			}
			if after, _ := in(tc.dir, nil, "git", "status", "--porcelain"); after != before {
				t.Errorf("it has changed something:\n%s", after)
			}
		})
	}
}

// Without the example there are no stores: documents name none, and whoever makes the first
// one is told what init took out of wire.go.
func TestStoresGoWithTheExample(t *testing.T) {
	t.Parallel()
	root := os.DirFS("../..")
	documents, err := fs.Glob(root, "docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(documents, "README.md") {
		text, err := fs.ReadFile(root, name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(explained(string(text)), "internal/store") {
			t.Errorf("%s speaks of internal/store", name)
		}
	}
	said := (&repository{name: "mine"}).next(true)
	for _, line := range ofStores {
		if !strings.Contains(said, line) {
			t.Errorf("nothing says that stores need %s:\n%s", line, said)
		}
	}
}

func TestRenamed(t *testing.T) {
	t.Parallel()
	r := &repository{module: "your.domain/my-app", name: "my-app", was: "github.com/example/switchyard"}
	for text, want := range map[string]string{
		"# Switchyard\n": "# my-app\n",
		"image: registry.example/switchyard:1.0.0":           "image: registry.example/my-app:1.0.0",
		"switchyard-dev switchyard":                          "my-app-dev my-app",
		"switchyard_connections SWITCHYARD_LEFT_OUT":         "switchyard_connections SWITCHYARD_LEFT_OUT",
		"SwitchyardRedisDown unswitchyard switchyard2":       "SwitchyardRedisDown unswitchyard switchyard2",
		`"github.com/example/switchyard/internal/contract"`:  `"your.domain/my-app/internal/contract"`,
		"github.com/example/switchyard@v1":                   "your.domain/my-app@v1",
		"github.com/example/switchyard-tools switchyard-dev": "github.com/example/switchyard-tools my-app-dev",
	} {
		if got := r.renamed(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
	got, err := r.renamedGo([]byte("package p\n\nimport (\n\t\"github.com/example/switchyard/b\"\n\t\"net/http\"\n)\n\n// Switchyard's.\nvar switchyard = \"switchyard\" + b.X + http.X\n"))
	want := "package p\n\nimport (\n\t\"net/http\"\n\t\"your.domain/my-app/b\"\n)\n\n// my-app's.\nvar switchyard = \"my-app\" + b.X + http.X\n"
	if err != nil || got != want {
		t.Errorf("%v\n%s", err, got)
	}
}

// A name may have the old one in it, and is said once where the Makefile says that it has run.
func TestANameWithTheOldOneInIt(t *testing.T) {
	t.Parallel()
	r := &repository{module: "your.domain/my-switchyard", name: "my-switchyard", was: original}
	text, err := hasRun("run:\n\ninit: ## Make it yours\n\t@go run ./cmd/init\n\npage:\n")
	if got := r.renamed(text); err != nil || !strings.Contains(got, "this is my-switchyard already") {
		t.Errorf("%v\n%s", err, got)
	}
}
