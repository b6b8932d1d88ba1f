package spec

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/example/switchyard/internal/schema"
)

// rules compares what is said of one value: its types, range, length, text and closed list.
func (c *comparison) rules(where string, from, to side, how string) {
	f, t := from.schema, to.schema
	if types := schema.Types(t); types != nil {
		were := schema.Types(f)
		if were == nil {
			c.say(where, "any value is %s possible", how)
			return
		}
		for _, one := range were {
			if !slices.Contains(types, one) && (one != "integer" || !slices.Contains(types, "number")) {
				c.say(where, "%s is %s possible", one, how)
			}
		}
	}
	c.enum(where, f, t, how)
	least := func(name string, from, to float64, has bool) {
		if has && from < to {
			c.say(where, "a %s below %v is %s possible", name, to, how)
		}
	}
	most := func(name string, from, to float64, has bool) {
		if has && from > to {
			c.say(where, "a %s above %v is %s possible", name, to, how)
		}
	}
	least("value", value(f.Minimum, lowest), value(t.Minimum, lowest), true)
	most("value", value(f.Maximum, highest), value(t.Maximum, highest), true)
	least("length", value(f.MinLength, 0), value(t.MinLength, 0), true)
	most("length", value(f.MaxLength, highest), value(t.MaxLength, highest), true)
	least("number of items", value(f.MinItems, 0), value(t.MinItems, 0), true)
	most("number of items", value(f.MaxItems, highest), value(t.MaxItems, highest), true)
	// What clients send may be binary data or base64, whatever is declared, as long as it is bytes.
	if f.ContentMediaType != t.ContentMediaType && (how == now || t.ContentEncoding == "" && schema.Types(t) != nil) {
		c.say(where, "%s is %s possible", bytesOf(f), how)
	}
	for _, w := range [][3]string{{"pattern", f.Pattern, t.Pattern}, {"format", f.Format, t.Format}, {"encoding", f.ContentEncoding, t.ContentEncoding}} {
		if w[2] != "" && w[1] != w[2] {
			c.say(where, "a text without the %s %s is %s possible", w[0], w[2], how)
		}
	}
}

// bytesOf says how bytes travel, or that a text is none.
func bytesOf(s *jsonschema.Schema) string {
	switch {
	case s.ContentMediaType == binaryData:
		return "binary data"
	case s.ContentEncoding != "":
		return "a " + s.ContentEncoding + " text"
	}
	return "a text"
}

const lowest, highest = -1e308, 1e308

func value[T int | float64](v *T, none float64) float64 {
	if v == nil {
		return none
	}
	return float64(*v)
}

func (c *comparison) enum(where string, f, t *jsonschema.Schema, how string) {
	allowed, were := values(t), values(f)
	if allowed == nil {
		return
	}
	if were == nil {
		c.say(where, "a value that is not one of %s is %s possible", strings.Join(allowed, ", "), how)
	}
	for _, v := range were {
		if !slices.Contains(allowed, v) {
			c.say(where, "%s is %s possible", v, how)
		}
	}
}

// values are the only values that a schema allows; nil: it does not say.
func values(s *jsonschema.Schema) []string {
	all := s.Enum
	if s.Const != nil {
		all = []any{*s.Const}
	}
	var texts []string
	for _, v := range all {
		b, err := json.Marshal(v)
		if err != nil {
			continue // it was read from JSON: cannot happen
		}
		texts = append(texts, string(b))
	}
	return texts
}
