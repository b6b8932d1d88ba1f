package spec

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/internal/schema"
)

//go:embed client.ts
var typescriptHelpers string

// TypeScript writes a client's side of the contract as one file: the types, the maps of
// events that socket.io-client's own typings take, and a few helpers.
func TypeScript(c *schema.Contract) ([]byte, error) {
	b := &builder{Contract: c, schemas: schema.NewComponents(schemasAt)}
	if err := b.receiveFirst(); err != nil {
		return nil, err
	}
	w := &typescript{builder: b}
	words := strings.Fields(info(c).Title)
	b.sent(reflect.TypeFor[fault.Problem]())
	b.sent(reflect.TypeFor[contract.ResyncPayload]())
	w.line("// %s %s: what its clients say and hear over Socket.IO.", strings.Join(words, " "), info(c).Version)
	w.line("// Generated from the service's declarations (make generate). Do not edit.")
	w.WriteString(typescriptHelpers)
	names := namespaceTypes(c.Namespaces)
	w.namespaces(c.Namespaces, names)
	for i, n := range c.Namespaces {
		w.namespace(n, names[i])
	}
	w.line("\n// The types.")
	for _, name := range sorted(b.schemas.Schemas) {
		w.declare(name, b.schemas.Schemas[name])
	}
	return w.Bytes(), b.err
}

type typescript struct {
	*builder
	bytes.Buffer
}

func (w *typescript) line(format string, args ...any) { fmt.Fprintf(&w.Buffer, format+"\n", args...) }

// doc writes a comment.
func (w *typescript) doc(indent, text string) {
	if text != "" {
		w.line("%s/** %s */", indent, strings.ReplaceAll(strings.Join(strings.Fields(text), " "), "*/", "* /"))
	}
}

// namespace writes what a namespace's clients hear and say. Commands for any other event
// have no name, and so no place in the map.
func (w *typescript) namespace(n contract.Namespace, name string) {
	w.WriteString("\n")
	w.doc("", "What clients of "+n.Name+" hear. "+n.Doc)
	w.line("export interface %sServerToClientEvents {", name)
	for _, e := range w.Events {
		if e.Namespace.Name == n.Name {
			w.doc("  ", e.Doc)
			w.line("  %s: (%s) => void;", key(e.Name), w.heard("payload", e.Type, w.sent(e.Type)))
		}
	}
	for _, a := range w.Catalog.Asks {
		if a.Namespace.Name == n.Name {
			w.doc("  ", a.Doc+" Answer it, or refuse with a problem.")
			w.line("  %s: (%s) => void;", key(a.Name), w.asked(a.Question, w.sent(a.Question), w.acknowledged(a.Answer, w.received(a.Answer))))
		}
	}
	w.doc("  ", "You may have missed events: read again the state that you show.")
	w.line("  resync: (payload: ResyncPayload) => void;")
	w.doc("  ", "The problem of a command that was sent without asking for an acknowledgement, or of the connection.")
	w.line("  error: (problem: Problem) => void;\n}\n")
	w.doc("", "What clients of "+n.Name+" say.")
	w.line("export interface %sClientToServerEvents {", name)
	for _, r := range w.Routes {
		if r.Namespace.Name == n.Name && !r.Internal && r.Event != contract.AnyOther {
			w.doc("  ", r.Doc)
			w.line("  %s: (%s) => void;", key(r.Event), w.said(r.In, w.received(r.In), w.acknowledged(r.Out, w.sent(r.Out))))
		}
	}
	w.line("}")
}

const binaryData = "application/octet-stream" // the media type of contract.Binary

// declare writes a component as a type.
func (w *typescript) declare(name string, s *jsonschema.Schema) {
	w.WriteString("\n")
	w.doc("", s.Description)
	if s.Type == "object" && len(s.Properties) > 0 {
		w.line("export interface %s %s", typeName(name), w.typeOf(s, ""))
		return
	}
	w.line("export type %s = %s;", typeName(name), w.typeOf(s, ""))
}

// typeName is a component's name where TypeScript, or the helpers, have no such type.
func typeName(component string) string {
	switch component {
	case "Array", "Record", "Promise", "Partial", "Exclude", "Socket", "ManagerOptions", "SocketOptions",
		"Name", "Events", "Input", "Result", "Client", "Namespaces", "NamespaceOf", "NamespaceSlashes":
		return component + "_"
	}
	return component
}

// key is the name of a member, quoted if it must be.
func key(name string) string {
	for _, r := range name {
		if r != '_' && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') {
			return quoted(name)
		}
	}
	return name
}

func quoted(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return "never" // what stands in a schema was encoded before: cannot happen
	}
	return string(b)
}

// typeOf writes a schema as a type. A schema that is not there has left its error.
func (w *typescript) typeOf(s *jsonschema.Schema, indent string) string {
	switch {
	case s == nil:
		return "never"
	case s.Ref != "":
		return typeName(strings.TrimPrefix(s.Ref, schemasAt))
	case s.Const != nil:
		return quoted(*s.Const)
	case len(s.AllOf) == 1:
		return w.typeOf(s.AllOf[0], indent)
	case len(s.OneOf) > 0:
		return w.union(s.OneOf, indent)
	}
	types := schema.Types(s)
	if types == nil {
		return "unknown"
	}
	var parts []string
	for _, t := range types {
		parts = append(parts, w.one(t, s, indent))
	}
	slices.SortStableFunc(parts, func(a, b string) int { // null comes last
		return strings.Compare(fmt.Sprint(a == "null"), fmt.Sprint(b == "null"))
	})
	return strings.Join(parts, " | ")
}

func (w *typescript) union(all []*jsonschema.Schema, indent string) string {
	parts := make([]string, len(all))
	for i, s := range all {
		parts[i] = w.typeOf(s, indent)
	}
	return strings.Join(parts, " | ")
}

// one writes a schema of one JSON type.
func (w *typescript) one(t string, s *jsonschema.Schema, indent string) string {
	switch t {
	case "string":
		if s.ContentMediaType == binaryData {
			return "ArrayBuffer | Uint8Array | string" // as text it is base64
		}
		if len(s.Enum) == 0 {
			return "string"
		}
		var parts []string
		for _, e := range s.Enum {
			if e != nil { // null is a type of its own
				parts = append(parts, quoted(e))
			}
		}
		return strings.Join(parts, " | ")
	case "integer":
		return "number"
	case "array":
		return "Array<" + w.typeOf(s.Items, indent) + ">"
	case "object":
		if s.Properties == nil && isMap(s) {
			return "Record<string, " + w.typeOf(s.AdditionalProperties, indent) + ">"
		}
		return w.object(s, indent)
	}
	return t // boolean, number, null
}

func (w *typescript) object(s *jsonschema.Schema, indent string) string {
	if len(s.Properties) == 0 {
		return "Record<string, never>"
	}
	inner := &typescript{builder: w.builder}
	inner.line("{")
	for _, name := range s.PropertyOrder {
		field := s.Properties[name]
		inner.doc(indent+"  ", field.Description)
		optional := "?"
		if slices.Contains(s.Required, name) {
			optional = ""
		}
		inner.line("%s  %s%s: %s;", indent, key(name), optional, w.typeOf(field, indent+"  "))
	}
	inner.WriteString(indent + "}")
	return inner.String()
}
