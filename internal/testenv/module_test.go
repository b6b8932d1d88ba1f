package testenv_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/example/switchyard/internal/testenv"
)

// A copy of the module has what somebody has written, and not what was made of it, nor
// what other tests are making meanwhile.
func TestACopyHasWhatWasWritten(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for _, path := range []string{
		"go.mod", "web/dist/.gitkeep", "web/dist/index.html", "tests/js/client.mjs", "tests/js/node_modules/made", "tests/js/.install-1/node_modules/made", "bin/server", ".git",
	} {
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	copied := testenv.Module(t, root)
	var got []string
	for _, pattern := range []string{"*", "*/*/*", "*/*/*/*"} {
		paths, err := fs.Glob(os.DirFS(copied), pattern)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, paths...)
	}
	want := []string{"go.mod", "tests", "web", "tests/js/client.mjs", "web/dist/.gitkeep"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
