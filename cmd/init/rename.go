package main

import (
	"bytes"
	"fmt"
	"go/format"
	"go/scanner"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// kept are the files that still say what this was: who has written it, and checksums.
var kept = []string{"LICENSE", "CHANGELOG.md", "go.sum", "tools.sum"}

// rename replaces the module's path and the name, wherever they are said.
func (r *repository) rename() error {
	all, err := files()
	if err != nil {
		return err
	}
	for _, path := range all {
		if slices.Contains(kept, path) {
			continue
		}
		b, err := os.ReadFile(filepath.FromSlash(path))
		if err != nil {
			return err
		}
		if bytes.IndexByte(b, 0) >= 0 {
			continue // no text
		}
		renamed := r.renamed(string(b))
		if strings.HasSuffix(path, ".go") {
			if renamed, err = r.renamedGo(b); err != nil {
				return fmt.Errorf("rename in %s: %w", path, err)
			}
		}
		if renamed == string(b) {
			continue
		}
		if err := edit(filepath.FromSlash(path), func(string) (string, error) { return renamed, nil }); err != nil {
			return err
		}
	}
	return nil
}

// said are the paths and the name, as words of their own or not.
func (r *repository) said() *regexp.Regexp {
	return regexp.MustCompile(regexp.QuoteMeta(original) + "|" + regexp.QuoteMeta(r.was) + "|[Ss]witchyard")
}

// renamed renames in a text. A part of a longer word stays: switchyard_connections, and
// github.com/example/switchyard-tools.
func (r *repository) renamed(text string) string {
	var b strings.Builder
	at := 0
	for _, found := range r.said().FindAllStringIndex(text, -1) {
		old, next := text[found[0]:found[1]], text[found[1]:]
		replacement := r.name
		path := old == original || old == r.was
		if path {
			replacement = r.module
		}
		if found[0] > 0 && partOfWord(text[found[0]-1]) || next != "" && partOfWord(next[0]) || path && strings.HasPrefix(next, "-") {
			replacement = old
		}
		b.WriteString(text[at:found[0]])
		b.WriteString(replacement)
		at = found[1]
	}
	b.WriteString(text[at:])
	return b.String()
}

func partOfWord(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// renamedGo renames in the strings and comments of Go, which a name with a - may stand in,
// and formats: imports are sorted by their paths.
func (r *repository) renamedGo(source []byte) (string, error) {
	fset := token.NewFileSet()
	file := fset.AddFile("", -1, len(source))
	var s scanner.Scanner
	s.Init(file, source, nil, scanner.ScanComments)
	var b bytes.Buffer
	at := 0
	for {
		pos, kind, literal := s.Scan()
		if kind == token.EOF {
			break
		}
		if kind != token.STRING && kind != token.COMMENT {
			continue
		}
		start := file.Offset(pos)
		b.Write(source[at:start])
		b.WriteString(r.renamed(literal))
		at = start + len(literal)
	}
	b.Write(source[at:])
	if bytes.Equal(b.Bytes(), source) {
		return string(source), nil
	}
	formatted, err := format.Source(b.Bytes())
	return string(formatted), err
}
