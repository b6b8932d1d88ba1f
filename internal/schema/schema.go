// Package schema makes JSON Schemas from the Go types of the contract, and
// validates by them.
//
// google/jsonschema-go infers the shape of a type; a closed list of struct tags,
// all words of JSON Schema, adds what a Go type cannot say:
//
//	Text string `json:"text" minLength:"1" maxLength:"4000" doc:"What was said."`
//
// minLength, maxLength, pattern, format and enum ("a|b|c") are for strings,
// minimum and maximum for numbers, minItems and maxItems for lists; doc and example are
// for readers of documents; secret:"true" keeps a field of an input out of the log
// (writeOnly in the schema). On a list the words for strings and numbers hold for each
// item. A field without omitempty or
// omitzero is required; an unknown field is a mistake.
//
// A Validator is made from the schema itself, so that what is documented and what
// is enforced cannot drift. It reads the JSON text in one pass, without decoding
// it, and reports every mistake with its JSON pointer. Validating never looks at
// state and never changes the input. Start at Compile.
package schema

import (
	"encoding/json"
	"errors"
	"maps"
	"math"
	"reflect"
	"slices"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/example/switchyard/internal/contract"
)

// overrides are the types whose encoding jsonschema-go does not know.
var overrides = map[reflect.Type]*jsonschema.Schema{
	reflect.TypeFor[[]byte]():          {Type: "string", ContentEncoding: "base64"},
	reflect.TypeFor[contract.Binary](): {Type: "string", ContentEncoding: "base64", ContentMediaType: "application/octet-stream"},
	reflect.TypeFor[json.RawMessage](): {},
}

// For makes the schema of a type. Its error holds every mistake, joined.
func For(t reflect.Type) (*jsonschema.Schema, error) {
	if err := checkType(t, t.String(), nil); err != nil {
		return nil, err
	}
	s, err := jsonschema.ForType(t, &jsonschema.ForOptions{TypeSchemas: maps.Clone(overrides)})
	if err != nil {
		return nil, err
	}
	if err := errors.Join(annotate(t, s)...); err != nil {
		return nil, err
	}
	return s, nil
}

// annotate walks a type and its schema side by side and puts the tags' words into
// the schema.
func annotate(t reflect.Type, s *jsonschema.Schema) []error {
	nullable := t.Kind() == reflect.Pointer
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if _, ok := overrides[t]; ok || t == timeType {
		if t == timeType {
			s.Format = "date-time"
		}
		return nil
	}
	switch t.Kind() {
	case reflect.Float32:
		s.Minimum, s.Maximum = jsonschema.Ptr(-math.MaxFloat32), jsonschema.Ptr(math.MaxFloat32)
	case reflect.Slice:
		if !nullable {
			s.Type, s.Types = "array", nil // null is no list: clients need not tell the two apart
		}
		return annotate(t.Elem(), s.Items)
	case reflect.Array:
		return annotate(t.Elem(), s.Items)
	case reflect.Map:
		return annotate(t.Elem(), s.AdditionalProperties)
	case reflect.Struct:
		var errs []error
		for f, name := range fields(t) {
			fs := s.Properties[name]
			errs = append(errs, annotate(f.Type, fs)...)
			errs = append(errs, applyTags(t, f, fs)...)
		}
		return errs
	}
	return nil
}

// fields yields the fields that encoding/json writes, with their names.
func fields(t reflect.Type) func(func(reflect.StructField, string) bool) {
	return func(yield func(reflect.StructField, string) bool) {
		for _, f := range reflect.VisibleFields(t) {
			name, _, _ := cut(f.Tag.Get("json"))
			if f.Anonymous || !f.IsExported() || name == "-" {
				continue
			}
			if !yield(f, name) {
				return
			}
		}
	}
}

// Types lists the JSON types a schema allows; nil is any.
func Types(s *jsonschema.Schema) []string {
	if s.Type != "" {
		return []string{s.Type}
	}
	return slices.Clone(s.Types)
}
