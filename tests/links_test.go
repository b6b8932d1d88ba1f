package tests

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/example/switchyard/internal/config"
)

var (
	fenced    = regexp.MustCompile("(?ms)^```.*?^```$")
	codeSpan  = regexp.MustCompile("`[^`\n]*`")
	comment   = regexp.MustCompile(` #.*`)
	makeRE    = regexp.MustCompile(`\bmake ([a-z]+)`)
	targetRE  = regexp.MustCompile(`(?m)^([a-z ]+):`)
	settingRE = regexp.MustCompile(`\b[A-Z][A-Z0-9]+(_[A-Z0-9]+)+\b`)
	linkRE    = regexp.MustCompile(`\]\(([^()\s]+)\)`)
	headline  = regexp.MustCompile(`(?m)^#+ (.+)$`)
	notInID   = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// pages are all Markdown files of the repository, by their path from its root.
func pages(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "node_modules" || d.Name() != ".." && d.Name() != ".github" && strings.HasPrefix(d.Name(), ".")):
			return filepath.SkipDir
		case filepath.Ext(path) != ".md":
			return nil
		}
		text, err := os.ReadFile(path)
		found[filepath.ToSlash(path[len("../"):])] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// anchors are the headlines of a page as links name them.
func anchors(text string) map[string]bool {
	ids := map[string]bool{}
	for _, m := range headline.FindAllStringSubmatch(fenced.ReplaceAllString(text, ""), -1) {
		ids[strings.ReplaceAll(notInID.ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-")] = true
	}
	return ids
}

// A link in a document leads to a file that is there, and to a headline in it.
func TestLinksLeadSomewhere(t *testing.T) {
	t.Parallel()
	all, links := pages(t), 0
	for from, text := range all {
		text = codeSpan.ReplaceAllString(fenced.ReplaceAllString(text, ""), "")
		for _, m := range linkRE.FindAllStringSubmatch(text, -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			links++
			path, anchor, _ := strings.Cut(m[1], "#")
			to := from
			if path != "" {
				to = filepath.ToSlash(filepath.Join(filepath.Dir(from), path))
			}
			if _, err := os.Stat(filepath.Join("..", to)); err != nil {
				t.Errorf("%s links to %s: %v", from, m[1], err)
			} else if anchor != "" && !anchors(all[to])[anchor] {
				t.Errorf("%s links to %s: %s has no such headline", from, m[1], to)
			}
		}
	}
	if links < 30 {
		t.Errorf("%d links in %d pages: has their form changed?", links, len(all))
	}
}

// What a document has people make can be made.
func TestLinksToTargets(t *testing.T) {
	t.Parallel()
	targets, found := map[string]bool{}, 0
	for _, m := range targetRE.FindAllStringSubmatch(text(t, "../Makefile"), -1) {
		for _, target := range strings.Fields(m[1]) {
			targets[target] = true
		}
	}
	for from, text := range pages(t) {
		code := append(fenced.FindAllString(text, -1), codeSpan.FindAllString(fenced.ReplaceAllString(text, ""), -1)...)
		for _, m := range makeRE.FindAllStringSubmatch(comment.ReplaceAllString(strings.Join(code, "\n"), ""), -1) {
			found++
			if !targets[m[1]] {
				t.Errorf("%s says make %s, which is no target", from, m[1])
			}
		}
	}
	if found < 15 {
		t.Errorf("%d targets are named: has their form changed?", found)
	}
}

// A setting that a document or an alert names is one, of ours or of OpenTelemetry.
func TestLinksToSettings(t *testing.T) {
	t.Parallel()
	settings := map[string]bool{"WEBHOOK_URL": true} // of examples/webhook
	for _, s := range config.Table() {
		settings[s.Name] = true
	}
	all := map[string]string{"alerts.yml": text(t, "../deployments/observability/alerts.yml")}
	for path, text := range pages(t) {
		if path == "README.md" || strings.HasPrefix(path, "docs/") {
			all[path] = text
		}
	}
	for from, text := range all {
		for _, name := range settingRE.FindAllString(text, -1) {
			if !settings[name] && !strings.HasPrefix(name, "OTEL_") {
				t.Errorf("%s names %s, which is no setting", from, name)
			}
		}
	}
}

// The way of a command that doc.go shows is there to be followed.
func TestLinksOfTheWayOfACommand(t *testing.T) {
	t.Parallel()
	steps := regexp.MustCompile(`(?m)^//\t(\S+) +(\w+)\.(\w+) `).FindAllStringSubmatch(text(t, "../doc.go"), -1)
	for _, step := range steps {
		files, err := filepath.Glob(filepath.Join("..", step[1], "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		method := regexp.MustCompile(`(?m)^func \(\w+ \*` + step[2] + `\) ` + step[3] + `\(`)
		if !slices.ContainsFunc(files, func(f string) bool { return method.MatchString(text(t, f)) }) {
			t.Errorf("doc.go names %s.%s, which %s does not have", step[2], step[3], step[1])
		}
	}
	if len(steps) < 8 {
		t.Errorf("%d steps: has their form changed?", len(steps))
	}
}

// A page that the README does not name is read by nobody.
func TestTheReadmeNamesEveryPage(t *testing.T) {
	t.Parallel()
	all := pages(t)
	for path := range all {
		if strings.HasPrefix(path, "docs/") && !strings.Contains(all["README.md"], "]("+path+")") {
			t.Errorf("README.md does not link to %s: give it a line under \"The pages\"", path)
		}
	}
}

var (
	wordsRow = regexp.MustCompile("(?m)^\\| (`.*?) \\|")
	wordRE   = regexp.MustCompile("`([A-Z][A-Za-z]+)")
)

// The words of docs/words.md are those of the package.
func TestTheWordsAreThoseOfTheContract(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob("../internal/contract/*.go")
	if err != nil {
		t.Fatal(err)
	}
	var source strings.Builder
	for _, path := range paths {
		source.WriteString(text(t, path))
	}
	words := 0
	for _, row := range wordsRow.FindAllStringSubmatch(text(t, "../docs/words.md"), -1) {
		for _, word := range wordRE.FindAllStringSubmatch(row[1], -1) {
			words++
			if !regexp.MustCompile(`(?m)^(?:type|func|const|var) ` + word[1] + `\b`).MatchString(source.String()) {
				t.Errorf("docs/words.md has %s, and internal/contract has not", word[1])
			}
		}
	}
	if words < 15 {
		t.Errorf("it has %d words: has its form changed?", words)
	}
}
