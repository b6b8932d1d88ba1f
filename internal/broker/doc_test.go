package broker

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Who follows a comment to another file finds it.
func TestFilesThatCommentsNameAreThere(t *testing.T) {
	t.Parallel()
	named := regexp.MustCompile(`\b(lua/)?[a-z]\w*\.(go|lua)\b`)
	for _, pattern := range []string{"*.go", "lua/*.lua"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%d files like %s: %v", len(files), pattern, err)
		}
		for _, path := range files {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(string(text)) {
				_, comment, _ := strings.Cut(line, "//")
				if pattern != "*.go" {
					_, comment, _ = strings.Cut(line, "--")
				}
				for _, name := range named.FindAllString(comment, -1) {
					if _, err := os.Stat(filepath.Join(filepath.Dir(path), name)); err != nil {
						t.Errorf("%s: %s", path, strings.TrimSpace(line))
					}
				}
			}
		}
	}
}
