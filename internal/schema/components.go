package schema

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"
)

// Components are the schemas of struct types, each once and by name, that refer to each
// other: what documents are made of.
type Components struct {
	Schemas map[string]*jsonschema.Schema
	prefix  string
	names   names
}

// NewComponents makes an empty set. The prefix is where in the document it will be:
// "#/components/schemas/".
func NewComponents(prefix string) *Components {
	return &Components{Schemas: map[string]*jsonschema.Schema{}, prefix: prefix, names: names{}}
}

// Received adds a type that clients send, and returns a schema that refers to it. An
// unknown field in it is a mistake. Add these types before those of Sent: one that goes
// both ways is as strict as its input.
func (c *Components) Received(t reflect.Type) (*jsonschema.Schema, error) { return c.add(t, true) }

// Sent adds a type that clients are sent. They are to pass over fields that they do not
// know, so that fields can be added.
func (c *Components) Sent(t reflect.Type) (*jsonschema.Schema, error) { return c.add(t, false) }

func (c *Components) add(t reflect.Type, strict bool) (*jsonschema.Schema, error) {
	s, err := For(t)
	if err == nil {
		err = c.names.claim(t)
	}
	if err != nil {
		return nil, err
	}
	return c.hoist(t, s, strict), nil
}

// Resolve returns the component that a schema refers to, or else the schema itself.
func (c *Components) Resolve(s *jsonschema.Schema) *jsonschema.Schema {
	if name, ok := strings.CutPrefix(s.Ref, c.prefix); ok {
		return c.Schemas[name]
	}
	return s
}

// hoist walks a type and its schema side by side, makes each named struct a component,
// and returns what stands in the schema's place.
func (c *Components) hoist(t reflect.Type, s *jsonschema.Schema, strict bool) *jsonschema.Schema {
	nullable := false
	for t.Kind() == reflect.Pointer {
		t, nullable = t.Elem(), true
	}
	if _, ok := overrides[t]; ok || t == timeType {
		return s
	}
	switch t.Kind() {
	case reflect.Slice, reflect.Array:
		s.Items = c.hoist(t.Elem(), s.Items, strict)
	case reflect.Map:
		s.AdditionalProperties = c.hoist(t.Elem(), s.AdditionalProperties, strict)
	case reflect.Struct:
		for f, name := range fields(t) {
			s.Properties[name] = c.hoist(f.Type, s.Properties[name], strict)
		}
		if !strict {
			s.AdditionalProperties = nil
		}
		if t.Name() != "" {
			return c.component(Name(t), s, nullable, strict)
		}
	}
	return s
}

// component keeps the schema of a struct and returns a reference to it. What is said of
// the field alone stays beside the reference: next to "$ref" itself readers overlook it. A
// union of results is one of several; what clients send is one with all its fields, which
// documents show one by one.
func (c *Components) component(name string, s *jsonschema.Schema, nullable, strict bool) *jsonschema.Schema {
	doc := s.Description
	if c.Schemas[name] == nil {
		s.Description, s.Type, s.Types = "", "object", nil
		c.Schemas[name] = s
		if kind := s.Properties["kind"]; kind != nil && !strict && isUnion(s, kind) && len(kind.Enum) > 1 {
			c.union(name, s, kind)
		}
	}
	ref := &jsonschema.Schema{Ref: c.prefix + name}
	switch {
	case nullable:
		return &jsonschema.Schema{Description: doc, OneOf: []*jsonschema.Schema{ref, {Type: "null"}}}
	case doc != "":
		return &jsonschema.Schema{Description: doc, AllOf: []*jsonschema.Schema{ref}}
	}
	return ref
}

var separators = regexp.MustCompile(`[^A-Za-z0-9]+`)

// union makes of a struct whose kind is one of several one component for each kind.
func (c *Components) union(name string, s, kind *jsonschema.Schema) {
	union := &jsonschema.Schema{Description: "One of several, told apart by kind."}
	for _, k := range kind.Enum {
		one, only := s.CloneSchemas(), k
		one.Properties["kind"] = &jsonschema.Schema{Type: "string", Const: &only, Description: kind.Description}
		part := name + "_" + separators.ReplaceAllString(fmt.Sprint(k), "_") // no type's name has the first _
		for c.Schemas[part] != nil {
			part += "_"
		}
		c.Schemas[part] = one
		union.OneOf = append(union.OneOf, &jsonschema.Schema{Ref: c.prefix + part})
	}
	c.Schemas[name] = union
}
