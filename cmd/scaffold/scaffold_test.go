package main

import (
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/example/switchyard/internal/testenv"
)

func in(dir, program string, args ...string) (string, error) {
	cmd := exec.Command(program, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func must(t *testing.T, dir, program string, args ...string) {
	t.Helper()
	if out, err := in(dir, program, args...); err != nil {
		t.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, out)
	}
}

func scaffold(t *testing.T, dir, kind, name string) {
	t.Helper()
	if _, err := write(dir, kind, name); err != nil {
		t.Fatal(err)
	}
}

// edit replaces text that must be in a file.
func edit(t *testing.T, path string, oldnew ...string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	for pair := range slices.Chunk(oldnew, 2) {
		if !strings.Contains(text, pair[0]) {
			t.Fatalf("%s has no %q:\n%s", path, pair[0], text)
		}
		text = strings.Replace(text, pair[0], pair[1], 1)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// A noun, an event and a command compile as they are scaffolded, their tests say what is to
// be written, and pass when it is.
func TestFromNothingToACommand(t *testing.T) {
	t.Parallel()
	dir := testenv.Module(t, "../..")
	scaffold(t, dir, "usecase", "work") // as a test calls a variable
	scaffold(t, dir, "usecase", "said") // and another one a function
	scaffold(t, dir, "usecase", "specimen")
	scaffold(t, dir, "event", "specimen.archived")
	must(t, dir, "make", "command", "NAME=specimen.archive")
	scaffold(t, dir, "command", "specimen.rename_windows") // the end of whose file's name Go would understand
	inANounThatIsThere(t, dir)
	must(t, dir, "go", "vet", "./usecases/...", "./internal/siotest")
	if out, err := in(dir, "gofmt", "-l", "usecases", "internal/siotest"); err != nil || out != "" {
		t.Errorf("gofmt: %v %s", err, out)
	}

	out, err := in(dir, "go", "test", "./usecases/specimen")
	for _, want := range []string{
		"specimen.archive does nothing yet: write it in usecases/specimen/archive.go",
		"specimen.rename_windows does nothing yet: write it in usecases/specimen/renamewindows.go",
		"no command raises specimen.archived: write Raises: []contract.EventSpec{Archived.Spec()}",
	} {
		if err == nil || !strings.Contains(out, want) {
			t.Errorf("go test: %v, and nothing says %q:\n%s", err, want, out)
		}
	}
	edit(t, filepath.Join(dir, "usecases/specimen/archive.go"),
		`	"errors"`, ``,
		`	Key: `, "	Raises: []contract.EventSpec{Archived.Spec()},\n	Key: ",
		`json:"id"`, `json:"specimen_id"`, `json:"done"`, `json:"archived"`,
		`return ArchiveOutput{}, nil, errors.New("specimen.archive does nothing yet: write it in usecases/specimen/archive.go")`,
		`return ArchiveOutput{Done: true}, []contract.Effect{Archived.Of(ArchivedPayload{ID: in.ID})}, nil`)
	edit(t, filepath.Join(dir, "usecases/specimen/archive_test.go"),
		"len(effects) != 0", `len(contracttest.Emitted(effects, specimen.Archived)) != 1`)
	must(t, dir, "go", "test", "-run", "TestArchive|TestItHasCommands", "./usecases/specimen")
	must(t, dir, "go", "run", "./cmd/contract", "-update", "docs/contract")    // not as the scaffold was: that breaks nobody
	if err := os.RemoveAll(filepath.Join(dir, "usecases/shelf")); err != nil { // of which usecases.go knows nothing
		t.Fatal(err)
	}
	must(t, dir, "go", "test", "./usecases")
}

// A noun that is there is written as people write: its comments stay, and its tests need
// not have the helper that scaffolded ones have.
func inANounThatIsThere(t *testing.T, dir string) {
	t.Helper()
	noun := filepath.Join(dir, "usecases/shelf")
	if err := os.Mkdir(noun, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{
		os.WriteFile(filepath.Join(noun, "shelf.go"), []byte(shelf), 0o600),
		os.WriteFile(filepath.Join(noun, "other.go"), []byte("package shelf\n\nfunc (Service) other() {}\n"), 0o600),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	scaffold(t, dir, "command", "shelf.put")
	scaffold(t, dir, "command", "shelf.select") // which no method can be called
	scaffold(t, dir, "event", "shelf.filled")
	got, err := os.ReadFile(filepath.Join(noun, "shelf.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"// Routes lists.\n", "Put.Handle(me.put), // first\n", "Select.Handle(me.selectShelf),\n",
		"// Of books.\nvar Namespace = contract.Namespace{Name: \"/shelf\", Doc: \"Books.\"} // here\n\n// The events.\nvar (\n\tFilled = ",
	} {
		want = strings.Replace(want, ", // first", ",", 1)
		if !strings.Contains(string(got), want) {
			t.Errorf("it has no %q:\n%s", want, got)
		}
	}
}

const shelf = `package shelf

import "github.com/example/switchyard/internal/contract"

// Of books.
var Namespace = contract.Namespace{Name: "/shelf", Doc: "Books."} // here

type Service struct{ books, newest int }

// Routes lists.
func (me *Service) Routes() []contract.Route {
	// none
	return []contract.Route{
		// yet
	}
}
`

// What can not be scaffolded is refused with a reason, and nothing is written.
func TestRefusals(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "usecases"), os.DirFS("../../usecases")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module example.com/app\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	scaffold(t, dir, "usecase", "specimen")
	scaffold(t, dir, "command", "specimen.archive")
	scaffold(t, dir, "event", "specimen.archived")
	for folder, source := range map[string]string{
		"broken":  "package broken\n\nfunc {",
		"nowhere": "package nowhere\n\nvar other = command{Event: \"greet\", Operation: \"nowhere.wave\"}\n",
		"dynamic": "package dynamic\n\nvar Namespace = 1\n\ntype Service struct{ books int }\n\nfunc (s Service) Routes() []int { return nil }\n",
	} {
		if err := os.Mkdir(filepath.Join(dir, "usecases", folder), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "usecases", folder, folder+".go"), []byte(source), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	before := snapshot(t, dir)
	for _, tc := range []struct{ kind, name, want string }{
		{"command", "", "name a noun and, after a dot"},
		{"command", "specimen", "name a noun and, after a dot"},
		{"command", "specimen.", "NAME=board.archive"},
		{"event", ".archived", `"" is no noun`},
		{"command", "specimen.Archive", "small letters"},
		{"command", "specimen.archive/../x", "small letters"},
		{"command", "specimen._x", "small letters"},
		{"command", "specimen." + strings.Repeat("x", 41), "at most 40"},
		{"command", "../specimen.archive", "name a noun and, after a dot"},
		{"command", "specimen.archive", "archive.go:11:5: Archive is there already"},
		{"event", "specimen.archived", "Archived is there already"},
		{"event", "specimen.archive", "Archive is there already"},
		{"command", "specimen.service", "Service is there already"},
		{"command", "specimen.specimen", "usecases/specimen/specimen.go is there already"},
		{"command", "specimen.connect", `clients would know it as "connect"`},
		{"command", "specimen.connect_error", "means something else to them"},
		{"command", "specimen.resync", "means something else to them"},
		{"event", "auth.refresh", `clients would know it as "auth.refresh"`},
		{"command", "nowhere.greet", `nowhere.go:3:28: something is called "greet" already`},
		{"command", "nowhere.wave", `something is called "nowhere.wave" already`},
		{"command", "dynamic.books", "books is there already"},
		{"command", "dynamic.go", "has no method that lists its routes"},
		{"command", "nowhere.go", "declares no Namespace"},
		{"event", "nowhere.gone", "declares no Namespace"},
		{"command", "broken.mend", "broken.go:3:"},
		{"command", "lamp.light", "there is no usecases/lamp: make usecase NAME=lamp first"},
		{"event", "lamp.lit", "there is no usecases/lamp"},
		{"usecase", "specimen", "usecases/specimen is there already: make command NAME=specimen."},
		{"usecase", "", "is no noun"},
		{"usecase", "Board", "is no noun"},
		{"usecase", "a/b", "is no noun"},
		{"usecase", "specimen.archive", "is no noun"},
		{"usecase", "range", "means something else"},
		{"usecase", "error", "means something else"},
		{"usecase", "contract", "means something else"},
		{"thing", "specimen.x", "command, event or usecase"},
	} {
		if _, err := write(dir, tc.kind, tc.name); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s %q: %v, want %q", tc.kind, tc.name, err, tc.want)
		}
	}
	if _, err := write(t.TempDir(), "usecase", "specimen"); err == nil || !strings.Contains(err.Error(), "in the root of the repository") {
		t.Errorf("elsewhere: %v", err)
	}
	edit(t, filepath.Join(dir, "usecases/usecases.go"), "contract.NewCatalog(", "gathered(")
	before["usecases/usecases.go"] = ""
	if _, err := write(dir, "usecase", "lamp"); err == nil || !strings.Contains(err.Error(), "usecases/usecases.go: want a Set") {
		t.Errorf("in another usecases.go: %v", err)
	}
	after := snapshot(t, dir)
	after["usecases/usecases.go"] = ""
	if !maps.Equal(before, after) {
		t.Error("a refusal has written something")
	}
}

// snapshot is every file below usecases, with what is in it.
func snapshot(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := fs.WalkDir(os.DirFS(dir), "usecases", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(filepath.Join(dir, path))
		files[path] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
