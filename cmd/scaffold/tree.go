package main

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"go/format"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/template"

	"golang.org/x/mod/modfile"
)

//go:embed templates
var templates embed.FS

// A tree is the repository, and what is to be changed in it.
type tree struct {
	root    string
	module  string
	files   map[string][]byte // slash-separated path -> what will be there
	added   []string          // of them
	changed []string
	next    []string // what is to be done then
}

func open(root string) (*tree, error) {
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errors.New("there is no go.mod here: scaffold in the root of the repository, as make does")
	}
	if err != nil {
		return nil, err
	}
	return &tree{root: root, module: modfile.ModulePath(mod), files: map[string][]byte{}}, nil
}

func (t *tree) exists(path string) bool {
	_, err := os.Lstat(filepath.Join(t.root, path))
	return err == nil
}

// add makes a file of a template.
func (t *tree) add(path, from string, data any) error {
	if t.exists(path) {
		return fmt.Errorf("%s is there already: take another name, or edit it", path)
	}
	text, err := render(from, data)
	if err != nil {
		return err
	}
	formatted, err := format.Source(text)
	if err != nil {
		return fmt.Errorf("format %s: %w", path, err)
	}
	t.files[path] = formatted
	t.added = append(t.added, path)
	return nil
}

func render(from string, data any) ([]byte, error) {
	parsed, err := template.ParseFS(templates, "templates/"+from)
	if err != nil {
		return nil, fmt.Errorf("read a template: %w", err)
	}
	var b bytes.Buffer
	if err := parsed.Execute(&b, data); err != nil {
		return nil, fmt.Errorf("fill a template: %w", err)
	}
	return b.Bytes(), nil
}

// edit opens a Go file that is there, to be changed.
func (t *tree) edit(path string, change func(*file) error) error {
	source, err := t.read(path)
	if err != nil {
		return err
	}
	f, err := parseFile(path, source)
	if err != nil {
		return err
	}
	if err := change(f); err != nil {
		return err
	}
	if t.files[path], err = f.apply(); err != nil {
		return err
	}
	if !slices.Contains(t.changed, path) && !slices.Contains(t.added, path) {
		t.changed = append(t.changed, path)
	}
	return nil
}

// save writes everything, or puts back what was there, and tells what it has done.
func (t *tree) save() (said string, err error) {
	var undo []func() error
	defer func() {
		if err == nil {
			return
		}
		for _, u := range slices.Backward(undo) {
			err = errors.Join(err, u())
		}
	}()
	var b strings.Builder
	for _, path := range slices.Concat(t.added, t.changed) {
		full := filepath.Join(t.root, path)
		old, readErr := os.ReadFile(full)
		verb := "changed"
		if readErr != nil {
			verb = "new    "
			if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
				return "", err
			}
			undo = append(undo, func() error { return os.RemoveAll(full) })
		} else {
			undo = append(undo, func() error { return os.WriteFile(full, old, 0o644) })
		}
		if err := os.WriteFile(full, t.files[path], 0o644); err != nil {
			return "", err
		}
		fmt.Fprintf(&b, "%s %s\n", verb, path)
	}
	for _, line := range t.next {
		fmt.Fprintln(&b, line)
	}
	return b.String(), nil
}

// read returns a file as it will be.
func (t *tree) read(path string) ([]byte, error) {
	if source, ok := t.files[path]; ok {
		return source, nil
	}
	return os.ReadFile(filepath.Join(t.root, path))
}
