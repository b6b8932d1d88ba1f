package main

import (
	"embed"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// example are the folders of the example.
var example = []string{"usecases/chat", "usecases/tasks", "internal/store"}

// page is its page in browsers. What serves one, or a hint, stays.
var page = []string{
	"web/src", "web/public", "web/tests", "web/index.html", "web/package.json", "web/package-lock.json", "web/tsconfig.json",
	"web/vite.config.js", "docs/page.md",
}

// made are files made from it, which are made again.
var made = []string{"wire_gen.go", "docs/contract/asyncapi.yaml", "docs/contract/asyncapi.bus.yaml", "docs/contract/client.ts", "docs/contract/openapi.yaml"}

// faulty are tests of faults, whose clients talk in the chat.
const faulty = "tests/faults"

// beside are tests that need others which go with the example: helpers, and the programs
// that they run; and those that hold documents to naming tests of it.
var beside = []string{"internal/load/truth_test.go", "tests/cluster_test.go", "tests/javascript_test.go", "tests/python_test.go", "tests/readme_test.go", "tests/guarantees_test.go", "tests/security_doc_test.go",
	"tests/page_test.go", "tests/victim_test.go", "scripts/first-command.sh"}

// smallest is the service that is left: one command, its tests, and what tests of whole
// nodes say to it. Go does not look into a folder that begins with a _.
//
//go:embed all:_smallest
var smallest embed.FS

// drop deletes the example and all that is about it, and puts the smallest service there.
func (r *repository) drop() error {
	all, err := files()
	if err != nil {
		return err
	}
	gone := slices.Concat(example, page, made, beside, []string{faulty})
	for _, file := range all {
		about, err := r.aboutExample(file)
		if err != nil {
			return err
		}
		if !about {
			continue
		}
		if parts := strings.Split(file, "/"); parts[0] == "examples" {
			file = path.Join(parts[0], parts[1])
		}
		gone = append(gone, file)
	}
	for _, p := range gone {
		if err := os.RemoveAll(filepath.FromSlash(p)); err != nil {
			return err
		}
	}
	return errors.Join(begin(), edit("wire.go", withoutStores), edit("Makefile", withoutTargets),
		edit("scripts/test.sh", withoutFaults), documents(explained))
}

// begin puts the smallest service there.
func begin() error {
	return fs.WalkDir(smallest, "_smallest", func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := smallest.ReadFile(file)
		if err != nil {
			return err
		}
		to := filepath.FromSlash(strings.TrimPrefix(file, "_smallest/"))
		return errors.Join(os.MkdirAll(filepath.Dir(to), 0o755), os.WriteFile(to, text, 0o644))
	})
}

// onTheWire are the example's namespaces.
var onTheWire = regexp.MustCompile(`/(chat|tasks)\b`)

// aboutExample tells whether a file is about the example: Go that imports it, and tests of
// whole nodes that speak with it.
func (r *repository) aboutExample(file string) (bool, error) {
	if slices.Contains([]string{"wire.go", "usecases/usecases.go", "usecases/usecases_test.go"}, file) || strings.HasPrefix(file, "cmd/init/") {
		return false, nil // they are written again
	}
	b, err := os.ReadFile(filepath.FromSlash(file))
	if err != nil {
		return false, err
	}
	ofNodes := slices.Contains([]string{"tests", "tests/js", "tests/python", "tests/conversations"}, path.Dir(file))
	if ofNodes && path.Ext(file) != ".md" && onTheWire.Match(b) {
		return true, nil
	}
	if path.Ext(file) != ".go" {
		return false, nil
	}
	parsed, err := parser.ParseFile(token.NewFileSet(), file, b, parser.ImportsOnly)
	if err != nil {
		return false, err
	}
	for _, i := range parsed.Imports {
		imported, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			return false, err
		}
		for _, dir := range example {
			if imported == r.was+"/"+dir || strings.HasPrefix(imported, r.was+"/"+dir+"/") {
				return true, nil
			}
		}
	}
	return false, nil
}

// ofStores are the lines of wire.go that a service with stores needs, besides their imports.
var ofStores = []string{"redisstore.Set", `wire.FieldsOf(new(*redisconn.Clients), "Stores")`}

// withoutStores takes what the example keeps out of wire.go.
func withoutStores(text string) (string, error) {
	for _, line := range append([]string{"/internal/redisconn\"", "/internal/store/redisstore\""}, ofStores...) {
		before, after, ok := strings.Cut(text, line)
		if !ok {
			return "", fmt.Errorf("wire.go has no line with %s", line)
		}
		_, after, _ = strings.Cut(after, "\n")
		text = before[:strings.LastIndexByte(before, '\n')+1] + after
	}
	return text, nil
}

// ofTargets are the lines of the Makefile that build the page, and that run faults.
var ofTargets = regexp.MustCompile(`(?m)^page: .*\n\n^web/dist/index.html: .*\n\t.*\n\n|^\t@if command -v npm .*\n|^chaos: .*\n\t.*\n\n`)

func withoutTargets(text string) (string, error) {
	if n := len(ofTargets.FindAllString(text, -1)); n != 3 {
		return "", fmt.Errorf("the Makefile has %d places with the targets page and chaos, and not 3", n)
	}
	text = ofTargets.ReplaceAllString(text, "")
	return strings.Replace(strings.Replace(text, " page ", " ", 1), " chaos ", " ", 1), nil // in .PHONY
}

func withoutFaults(text string) (string, error) {
	before, after, ok := strings.Cut(text, " ./"+faulty)
	if !ok {
		return "", fmt.Errorf("scripts/test.sh does not run ./%s", faulty)
	}
	return before + after, nil
}

// rows are those of tables that lead to the document of the page, or to the stores.
var rows = regexp.MustCompile("(?m)^\\|(?:.*\\]\\((?:docs/)?page\\.md\\)| `internal/store` \\|).*\\n")

// toTests are links to tests that go.
var toTests = regexp.MustCompile(`\[([^\]]*)\]\((?:\.\./)?tests/(?:compose_test\.go|faults)[^)]*\)`)

// named are words of the example's: chat.Join, TestX as a proof of something.
var named = regexp.MustCompile("\\b(chat|tasks)\\.[A-Z]|/(chat|tasks)\\b|`Test[A-Z]|\"lobby\"")

const note = "> The chat, the tasks, and tests that are named here and are not in this repository, are the\n> example of the one that it was made from: CHANGELOG.md says which.\n\n"

// explained leaves out what a document says of the example alone, and says of the rest whose
// the examples are.
func explained(text string) string {
	text = rows.ReplaceAllString(without(text, "example|walkthrough"), "")
	text = toTests.ReplaceAllString(text, "$1")
	heading, rest, ok := strings.Cut(text, "\n\n")
	if !ok || !named.MatchString(text) {
		return text
	}
	return heading + "\n\n" + note + rest
}
