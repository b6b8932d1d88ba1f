package testenv

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Module copies this module, without what git, a build or npm has made, from where the
// test finds its root.
func Module(t testing.TB, root string) (copied string) {
	t.Helper()
	copied = t.TempDir()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		to := filepath.Join(copied, rel)
		built := filepath.Base(filepath.Dir(rel)) == "dist" && d.Name() != ".gitkeep"
		switch {
		case d.IsDir() && (built || slices.Contains([]string{".git", "bin", "node_modules"}, d.Name()) || strings.HasPrefix(d.Name(), installFolder)):
			return filepath.SkipDir
		case d.IsDir():
			return os.MkdirAll(to, 0o755)
		case built || d.Name() == ".git" || !d.Type().IsRegular(): // of a worktree it is a file
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(to, b, info.Mode().Perm())
	})
	if err != nil {
		t.Fatal(err)
	}
	return copied
}
