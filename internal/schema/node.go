package schema

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"
)

// A Validator is a schema made ready to check JSON texts, and perhaps to decode them.
// Safe for concurrent use.
type Validator struct {
	Schema *jsonschema.Schema
	root   *node
	target reflect.Type // what Decode is fast for; nil: nothing
}

// NewValidator prepares a schema that For has made.
func NewValidator(s *jsonschema.Schema) (*Validator, error) {
	n, err := newNode(s)
	if err != nil {
		return nil, err
	}
	return &Validator{Schema: s, root: n}, nil
}

// NewDecoder prepares the schema of a type to decode values of it too.
func NewDecoder(s *jsonschema.Schema, t reflect.Type) (*Validator, error) {
	v, err := NewValidator(s)
	if err != nil {
		return nil, err
	}
	v.root.bind(t)
	v.target = t
	return v, nil
}

// A node is one schema, prepared.
type node struct {
	name                                            string // of the property it is for
	null, boolean, str, num, integer, array, object bool

	want                 string // the allowed types, for people
	minLength, maxLength int    // -1: none
	pattern              *regexp.Regexp
	format               string
	enum                 []string
	minimum, maximum     *float64
	minItems, maxItems   int
	items                *node
	properties           map[string]*node
	required             []string
	additional           *node // of a map; nil: an unknown field is a mistake

	way     way   // into a Go value
	pointer bool  // which is pointed to
	index   []int // of the struct's field that it is in
}

func newNode(s *jsonschema.Schema) (*node, error) {
	types := Types(s)
	if types == nil { // any: its numbers must be in range all the same
		types = []string{"null", "boolean", "string", "number", "array", "object"}
	}
	n := &node{
		null: slices.Contains(types, "null"), boolean: slices.Contains(types, "boolean"),
		str: slices.Contains(types, "string"), num: slices.Contains(types, "number"), integer: slices.Contains(types, "integer"),
		array: slices.Contains(types, "array"), object: slices.Contains(types, "object"),
		want:      strings.Join(types, " or "),
		minLength: orNone(s.MinLength), maxLength: orNone(s.MaxLength), minItems: orNone(s.MinItems), maxItems: orNone(s.MaxItems),
		minimum: s.Minimum, maximum: s.Maximum, format: s.Format, required: s.Required,
	}
	if s.ContentEncoding != "" {
		n.format = s.ContentEncoding
	}
	for _, e := range s.Enum {
		if e != nil { // whether it may be null, its types tell
			n.enum = append(n.enum, fmt.Sprint(e))
		}
	}
	var err error
	if s.Pattern != "" {
		if n.pattern, err = regexp.Compile(s.Pattern); err != nil {
			return nil, err
		}
	}
	if Types(s) == nil {
		n.items, n.additional = n, n
	}
	if s.Items != nil {
		if n.items, err = newNode(s.Items); err != nil {
			return nil, err
		}
	}
	if s.Properties != nil {
		n.properties = map[string]*node{}
		for name, p := range s.Properties {
			child, err := newNode(p)
			if err != nil {
				return nil, err
			}
			child.name = name
			n.properties[name] = child
		}
	}
	if a := s.AdditionalProperties; a != nil && a.Not == nil {
		if n.additional, err = newNode(a); err != nil {
			return nil, err
		}
	}
	return n, nil
}

func orNone(n *int) int {
	if n == nil {
		return -1
	}
	return *n
}
