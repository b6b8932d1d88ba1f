package broker

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// What documents say of the streams' headers is what the code calls them: each name of
// the metadata is described, but those that begin with _ are between nodes.
func TestStreamsDescribeEveryHeader(t *testing.T) {
	t.Parallel()
	described := map[string]bool{metaInput: true} // of a record, which is no stream
	for _, s := range Streams() {
		for i, h := range s.Headers {
			described[h.Name] = true
			if h.Doc == "" || slices.ContainsFunc(s.Headers[:i], func(o Header) bool { return o.Name == h.Name }) {
				t.Errorf("%s: the header %q has no Doc, or is there twice", s.Name, h.Name)
			}
		}
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		p, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(p, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || len(spec.Values) != 1 || !strings.HasPrefix(strings.ToLower(spec.Names[0].Name), "meta") {
				return true
			}
			if literal, ok := spec.Values[0].(*ast.BasicLit); ok && literal.Kind == token.STRING {
				found++
				if name, err := strconv.Unquote(literal.Value); err != nil || !described[name] && !strings.HasPrefix(name, "_") {
					t.Errorf("no stream describes the header %q (%s)", name, spec.Names[0].Name)
				}
			}
			return true
		})
	}
	if found < 30 {
		t.Errorf("found only %d names of headers", found)
	}
}
