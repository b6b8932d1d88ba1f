package schema

import (
	"reflect"
	"slices"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/example/switchyard/internal/contract"
)

// firstArgument is the schema of what comes first on the wire, by whose kind an answer is
// told from a problem: of one argument it is the schema itself.
func firstArgument(t reflect.Type, s *jsonschema.Schema) *jsonschema.Schema {
	if args := contract.ShapeOf(t).Args; len(args) > 0 {
		return s.Properties[args[0]]
	}
	return s
}

// isUnion tells whether an output is a declared union of results: its kind is one of
// a closed list, and never that of a problem.
func isUnion(output, kind *jsonschema.Schema) bool {
	return len(kind.Enum) > 0 && !slices.Contains(kind.Enum, any("error")) && !slices.Contains(kind.Enum, nil) && slices.Contains(output.Required, "kind")
}
