package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"path"
	"slices"
	"strconv"
	"strings"
)

// A file is a Go file in which lines are inserted. Where, its syntax tree tells; all else
// stays as it is written, with its comments.
type file struct {
	path   string
	source []byte
	fset   *token.FileSet
	ast    *ast.File
	insert []insertion
}

type insertion struct {
	at   int // offset
	text string
}

func parseFile(name string, source []byte) (*file, error) {
	fset := token.NewFileSet()
	parsed, err := parser.ParseFile(fset, name, source, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, fmt.Errorf("it must compile before something is added to it: %w", err)
	}
	return &file{path: name, source: source, fset: fset, ast: parsed}, nil
}

func (f *file) offset(p token.Pos) int { return f.fset.Position(p).Offset }

func (f *file) line(p token.Pos) int { return f.fset.Position(p).Line }

// into adds an element to a list in brackets: on a line of its own where the last one has
// one, else behind it.
func (f *file) into(open, closing token.Pos, elements []ast.Expr, text string) {
	if len(elements) == 0 {
		f.insert = append(f.insert, insertion{f.offset(open) + 1, text})
		return
	}
	last := elements[len(elements)-1].End()
	if f.line(last) == f.line(closing) {
		f.insert = append(f.insert, insertion{f.offset(last), ", " + text})
		return
	}
	f.before(closing, text+",")
}

// before adds a line before the one that begins with a bracket.
func (f *file) before(closing token.Pos, text string) {
	at := f.offset(closing)
	if start := bytes.LastIndexByte(f.source[:at], '\n') + 1; len(bytes.TrimSpace(f.source[start:at])) == 0 {
		at, text = start, text+"\n"
	} else {
		text = "\n" + text + "\n"
	}
	f.insert = append(f.insert, insertion{at, text})
}

// after adds lines after a declaration, and the comment at its end.
func (f *file) after(end token.Pos, text string) {
	at := len(f.source)
	if i := bytes.IndexByte(f.source[f.offset(end):], '\n'); i >= 0 {
		at = f.offset(end) + i + 1
	}
	f.insert = append(f.insert, insertion{at, text})
}

// imports says how the file calls a package, "" where it does not import it.
func (f *file) imports(importPath string) string {
	for _, i := range f.ast.Imports {
		if p, err := strconv.Unquote(i.Path.Value); err != nil || p != importPath {
			continue
		}
		if i.Name != nil {
			return i.Name.Name
		}
		return path.Base(importPath)
	}
	return ""
}

// addImport imports a package of this module, beside others of it, under a name.
func (f *file) addImport(module, importPath, as string) {
	line := strconv.Quote(importPath) + "\n"
	if as != path.Base(importPath) {
		line = as + " " + line
	}
	for _, i := range slices.Backward(f.ast.Imports) {
		if strings.HasPrefix(i.Path.Value, `"`+module+`/`) {
			f.after(i.End(), line)
			return
		}
	}
	for _, d := range f.ast.Decls {
		if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.IMPORT && g.Rparen.IsValid() {
			f.before(g.Rparen, "\n"+strings.TrimSuffix(line, "\n"))
			return
		}
	}
	f.after(f.ast.Name.End(), "\nimport "+line)
}

// apply makes the insertions.
func (f *file) apply() ([]byte, error) {
	slices.SortStableFunc(f.insert, func(a, b insertion) int { return a.at - b.at })
	var b bytes.Buffer
	at := 0
	for _, i := range f.insert {
		b.Write(f.source[at:i.at])
		b.WriteString(i.text)
		at = i.at
	}
	b.Write(f.source[at:])
	formatted, err := format.Source(b.Bytes())
	if err != nil {
		return nil, fmt.Errorf("add to %s: %w", f.path, err)
	}
	return formatted, nil
}
