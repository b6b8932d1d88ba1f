package schema

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/example/switchyard/internal/contract"
)

// overREST finds what a REST call could not give of an input: a path and a query have
// texts, which become numbers, booleans and lists of these, and nothing else.
func overREST(h contract.HTTP, in *jsonschema.Schema) error {
	var errs []error
	inPath := PathParams(h.Path)
	for _, name := range inPath {
		field, ok := in.Properties[name]
		if !ok {
			errs = append(errs, fmt.Errorf("the HTTP path has {%s}, which is no field of the input", name))
			continue
		}
		if what := noText(field); what != "" {
			errs = append(errs, fmt.Errorf("the HTTP path %s has {%s}, a field that is %s: give it in the body, or make it a text, a number or a boolean", h.Path, name, what))
		}
	}
	for _, name := range in.PropertyOrder {
		if h.Method != http.MethodGet || slices.Contains(inPath, name) {
			continue
		}
		if what := noText(in.Properties[name]); what != "" {
			errs = append(errs, fmt.Errorf("GET %s takes its values from the path and the query, and the field %s is %s: use POST, or make it a text, a number, a boolean or a list of these", h.Path, name, what))
		}
	}
	return errors.Join(errs...)
}

// noText says what a field is that no text in a path or a query can be; empty: one can.
func noText(s *jsonschema.Schema) string {
	switch types := Types(s); {
	case slices.Contains(types, "object"):
		return "an object"
	case !slices.Contains(types, "array"):
		return ""
	}
	switch items := Types(s.Items); {
	case slices.Contains(items, "object"):
		return "a list of objects"
	case slices.Contains(items, "array"):
		return "a list of lists"
	}
	return ""
}
