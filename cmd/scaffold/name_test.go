package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// No noun is called what a test of the templates, which imports it, calls something else.
func TestNounsAreNotWhatTemplatesUse(t *testing.T) {
	t.Parallel()
	paths, err := fs.Glob(templates, "templates/*_test.go.tmpl")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no templates: %v", err)
	}
	for _, p := range paths {
		source, err := render(strings.TrimPrefix(p, "templates/"), filling{name{"board", "archive"}, "example.com/app", "b", "routes()"})
		if err != nil {
			t.Fatal(err)
		}
		f, err := parseFile(p, source)
		if err != nil {
			t.Fatal(err)
		}
		for called := range identifiers(f.ast) {
			if called != "board" && checkNoun(called) == nil {
				t.Errorf("%s uses %s, and a noun can be called so: write it in taken", p, called)
			}
		}
	}
}

// A noun is given names that Go and the package leave free.
func TestNounsAreGathered(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, err := range []error{
		os.Mkdir(filepath.Join(dir, "usecases"), 0o755),
		os.WriteFile(filepath.Join(dir, "usecases/usecases.go"), []byte(noUsecases), 0o600),
		os.WriteFile(filepath.Join(dir, "usecases/beside_test.go"), []byte("package usecases\n\nfunc golf() {}\n"), 0o600),
		os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module example.com/app\n"), 0o600),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	scaffold(t, dir, "usecase", "garden")
	scaffold(t, dir, "usecase", "golf") // g is the garden, go a statement
	got, err := os.ReadFile(filepath.Join(dir, "usecases/usecases.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`golfusecase "example.com/app/usecases/golf"`, "NewSet(garden.New, golfusecase.New)",
		"Catalog(g *garden.Service, gol *golfusecase.Service)", "NewCatalog(g.Routes(), gol.Routes())",
	} {
		if !strings.Contains(string(got), want) {
			t.Errorf("it has no %q:\n%s", want, got)
		}
	}
}

const noUsecases = `package usecases

import (
	"github.com/google/wire"

	"example.com/app/internal/contract"
)

var Set = wire.NewSet()

func Catalog() *contract.Catalog { return contract.NewCatalog() }
`
