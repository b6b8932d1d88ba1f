package spec

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/example/switchyard/internal/contract"
)

// Kept are the names of the documents that are kept with the source, where a changed
// contract shows as a diff.
var Kept = []string{"asyncapi.yaml", "asyncapi.bus.yaml", "openapi.yaml", "client.ts"}

// Update writes the documents that are kept to a folder. It writes none if clients of the
// AsyncAPI document that is there would break, unless the version says so.
func Update(folder string, files []File) error {
	if err := Compatible(filepath.Join(folder, "asyncapi.yaml"), files); err != nil {
		return err
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	for _, f := range files {
		if slices.Contains(Kept, f.Name) {
			if err := os.WriteFile(filepath.Join(folder, f.Name), f.Body, 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}

// Compatible compares the documents with an older one on disk. What breaks its clients is
// an error, unless the first number of the version was raised, or before 1.0.0 the second.
// What was still to be written has no clients.
func Compatible(path string, files []File) error {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	older, err := Read(text)
	if err != nil {
		return fmt.Errorf("%s: %w; if it cannot be mended, delete it", path, err)
	}
	i := slices.IndexFunc(files, func(f File) bool { return f.Name == "asyncapi.json" })
	newer, err := Read(files[i].Body)
	if err != nil {
		return err
	}
	maps.DeleteFunc(older.Operations, older.unwritten)
	broken := Breaking(older, newer)
	if len(broken) == 0 || raised(older.Info.Version, newer.Info.Version) {
		return nil
	}
	return fmt.Errorf("the contract breaks the clients of %s (version %s):\n  %s\n"+
		"Take it back, or raise the first number of the catalog's Version (before 1.0.0 the second) in usecases.go.\n"+
		"If what is broken was never released: git checkout RELEASE %[1]s (without a release, delete it), and generate again",
		path, older.Info.Version, strings.Join(broken, "\n  "))
}

// toBeWritten begins the Doc of what the templates of cmd/scaffold declare.
const toBeWritten = "To be written: "

// unwritten tells whether an operation is as it was scaffolded. The two that every namespace
// has go by the namespace's Doc.
func (d *Document) unwritten(key string, o *Operation) bool {
	doc, at := o.Summary, strings.TrimPrefix(o.Channel.Ref, "#/channels/")
	if c := d.Channels[at]; c != nil && (key == at+":"+errorEvent || key == at+":"+contract.Resync) {
		doc = c.Description
	}
	return strings.HasPrefix(doc, toBeWritten)
}

// Read reads an AsyncAPI document, as JSON or YAML.
func Read(text []byte) (*Document, error) {
	var tree any
	if err := yaml.Unmarshal(text, &tree); err != nil {
		return nil, err
	}
	asJSON, err := json.Marshal(tree)
	if err != nil {
		return nil, err
	}
	d := &Document{}
	return d, json.Unmarshal(asJSON, d)
}

// raised tells whether a version may break what an older one promised.
func raised(older, newer string) bool {
	var was, is [2]int
	if _, err := fmt.Sscanf(older, "%d.%d", &was[0], &was[1]); err != nil {
		return older != newer // there are no numbers to compare
	}
	if _, err := fmt.Sscanf(newer, "%d.%d", &is[0], &is[1]); err != nil {
		return false
	}
	return is[0] > was[0] || is[0] == 0 && was[0] == 0 && is[1] > was[1]
}
