// Package spec makes documents, and clients in other languages, from the declarations
// of a contract alone: AsyncAPI for the sockets and for the streams in Redis, OpenAPI for
// the REST routes, TypeScript, and a page for people.
//
// A document is made of plain structs and written in one order, so that the same
// declarations give the same bytes, and a changed contract shows as a diff. Breaking says
// which changes break clients. Nothing here runs while commands do. Start at Files.
package spec

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"

	"go.yaml.in/yaml/v3"

	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/schema"
)

// A File is one document, ready to be served or written.
type File struct {
	Name string // "asyncapi.json"
	Type string // media type
	Body []byte
}

// Files are all documents of a contract. The path is where Socket.IO is mounted.
func Files(c *schema.Contract, path string) ([]File, error) {
	sockets, err := AsyncAPI(c, path)
	if err != nil {
		return nil, err
	}
	bus, err := Bus(c, broker.Streams())
	if err != nil {
		return nil, err
	}
	rest, err := OpenAPI(c)
	if err != nil {
		return nil, err
	}
	client, err := TypeScript(c)
	if err != nil {
		return nil, err
	}
	var files []File
	for _, d := range []struct {
		name string
		doc  any
	}{{"asyncapi", sockets}, {"asyncapi.bus", bus}, {"openapi", rest}} {
		asJSON, err := JSON(d.doc)
		if err != nil {
			return nil, fmt.Errorf("write %s: %w", d.name, err)
		}
		asYAML, err := YAML(asJSON)
		if err != nil {
			return nil, fmt.Errorf("write %s: %w", d.name, err)
		}
		files = append(files,
			File{d.name + ".json", "application/json", asJSON},
			File{d.name + ".yaml", "application/yaml", asYAML})
	}
	page, err := Page(sockets)
	if err != nil {
		return nil, err
	}
	return append(files,
		File{"client.ts", "text/plain; charset=utf-8", client},
		File{"asyncapi", "text/html; charset=utf-8", page}), nil
}

// JSON writes a document, indented.
func JSON(doc any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(doc)
	return b.Bytes(), err
}

// YAML writes a document that is there as JSON, which is YAML in another style.
func YAML(doc []byte) ([]byte, error) {
	var root yaml.Node
	if err := yaml.Unmarshal(doc, &root); err != nil {
		return nil, err
	}
	plain(&root)
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(&root); err != nil {
		return nil, err
	}
	return b.Bytes(), e.Close()
}

// oldBooleans are what YAML 1.1 takes for true and false, as many readers still do.
var oldBooleans = regexp.MustCompile(`(?i)^(y|n|yes|no|on|off)$`)

// plain takes JSON's braces and quotes away, where YAML does without.
func plain(n *yaml.Node) {
	if len(n.Content) > 0 || n.Kind == yaml.ScalarNode && !oldBooleans.MatchString(n.Value) {
		n.Style = 0
	}
	for _, child := range n.Content {
		plain(child)
	}
}
