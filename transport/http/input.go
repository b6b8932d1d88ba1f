package http

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/internal/jsonscan"
	"github.com/example/switchyard/internal/schema"
)

// What a request can have wrong in how it gives its values.
const (
	twice   = "is given twice: once in the path, the query or the body is enough"
	unclean = "must be valid UTF-8, and in the path without control characters"
)

// merge puts the path's and the query's values into the JSON body, by field name. A
// body that is no object stays as it is, for the schema to refuse.
func merge(cmd *schema.Command, r *http.Request, body []byte) (json.RawMessage, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, fault.New(fault.Invalid, "the query is not well-formed")
	}
	mistakes := map[string]string{} // by the name of the value
	members, ok := object(body, mistakes)
	if !ok {
		if cmd.Input.Validate(body) == nil { // it would count without the path's values
			return nil, fault.New(fault.Invalid, "the body cannot be read")
		}
		return body, nil
	}
	for _, name := range schema.PathParams(cmd.HTTP.Path) {
		if values[name] != nil {
			mistakes[name] = twice
		}
		values[name] = []string{r.PathValue(name)}
		if strings.ContainsFunc(r.PathValue(name), unicode.IsControl) {
			mistakes[name] = unclean
		}
	}
	for name, v := range values {
		field := cmd.Input.Schema.Properties[name]
		if _, ok := members[name]; ok || len(v) > 1 && !isList(field) {
			mistakes[name] = twice
		}
		if !utf8.ValidString(strings.Join(v, " ")) { // it would be mended
			mistakes[name] = unclean
		}
		members[name] = literal(field, v)
	}
	if len(mistakes) > 0 {
		return nil, refusal(mistakes)
	}
	var merged bytes.Buffer
	e := json.NewEncoder(&merged)
	e.SetEscapeHTML(false) // which would make it longer than the limit
	err = e.Encode(members)
	return bytes.TrimSuffix(merged.Bytes(), []byte("\n")), err
}

// object reads the body's members; no body has none. A map would keep the last of
// two with one name, so they are mistakes, as over a socket.
func object(body []byte, mistakes map[string]string) (map[string]json.RawMessage, bool) {
	members := map[string]json.RawMessage{}
	if len(body) == 0 {
		return members, true
	}
	end, err := jsonscan.Members(body, jsonscan.Space(body, 0), func(name string, value []byte) {
		if _, ok := members[name]; ok {
			mistakes[name] = twice
		}
		members[name] = value
	})
	return members, err == nil && jsonscan.Space(body, end) == len(body)
}

// refusal tells of mistakes, in a stable order and as many as the schema does.
func refusal(mistakes map[string]string) error {
	names := slices.Sorted(maps.Keys(mistakes))
	var fields []fault.Field
	for _, name := range names[:min(len(names), schema.MaxMistakes)] {
		fields = append(fields, fault.Field{Pointer: schema.Pointer(name), Detail: mistakes[name]})
	}
	return fault.InvalidInput(fields...)
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
