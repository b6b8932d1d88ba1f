package http

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/internal/jsonscan"
	"github.com/example/switchyard/internal/schema"
)

// merge puts the path's and the query's values into the JSON body, by field name. A
// body that is no object stays as it is, for the schema to refuse.
func merge(cmd *schema.Command, r *http.Request, body []byte) (json.RawMessage, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, fault.New(fault.Invalid, "the query is not well-formed")
	}
	values := map[string][]string{}
	for name, v := range query {
		values[name] = v
	}
	var mistakes []fault.Field
	for _, name := range schema.PathParams(cmd.HTTP.Path) {
		if values[name] != nil {
			mistakes = append(mistakes, twice(name))
		}
		values[name] = []string{r.PathValue(name)}
	}
	members := map[string]json.RawMessage{}
	if len(body) > 0 {
		if end, err := jsonscan.Value(body, jsonscan.Space(body, 0)); err != nil || jsonscan.Space(body, end) != len(body) {
			return body, nil
		}
		if err := json.Unmarshal(body, &members); err != nil || members == nil {
			return body, nil
		}
	}
	for name, v := range values {
		field := cmd.Input.Schema.Properties[name]
		if _, ok := members[name]; ok || len(v) > 1 && !isList(field) {
			mistakes = append(mistakes, twice(name))
		}
		members[name] = literal(field, v)
	}
	if mistakes != nil {
		return nil, fault.InvalidInput(mistakes...)
	}
	return json.Marshal(members)
}

func twice(name string) fault.Field {
	return fault.Field{Pointer: "/" + name, Detail: "is given twice: once in the path, the query or the body is enough"}
}

// literal is the JSON of a value that came as text, as its field's schema wants it.
// A text that does not fit becomes a string, for the schema to refuse.
func literal(s *jsonschema.Schema, texts []string) json.RawMessage {
	if isList(s) {
		parts := make([][]byte, len(texts))
		for i, t := range texts {
			parts[i] = literal(s.Items, []string{t})
		}
		return json.RawMessage("[" + string(bytes.Join(parts, []byte(","))) + "]")
	}
	text := texts[0]
	if s != nil && fits(schema.Types(s), text) {
		return json.RawMessage(text)
	}
	quoted, err := json.Marshal(text)
	if err != nil {
		return json.RawMessage(`""`) // a string: cannot happen
	}
	return quoted
}

func isList(s *jsonschema.Schema) bool {
	return s != nil && slices.Contains(schema.Types(s), "array")
}

// fits tells whether a text is itself the JSON of a number or a boolean that a
// schema allows.
func fits(types []string, text string) bool {
	if slices.Contains(types, "boolean") && (text == "true" || text == "false") {
		return true
	}
	if !slices.Contains(types, "number") && !slices.Contains(types, "integer") || text == "" {
		return false
	}
	end, _, err := jsonscan.Number([]byte(text), 0)
	return err == nil && end == len(text)
}
