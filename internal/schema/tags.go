package schema

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"
)

// A word is one tag of the closed list.
type word struct {
	of    string // the JSON type it is for; "" for any
	apply func(s *jsonschema.Schema, value string) error
}

var words = map[string]word{
	"minLength": {"string", natural(func(s *jsonschema.Schema, n int) { s.MinLength = &n })},
	"maxLength": {"string", natural(func(s *jsonschema.Schema, n int) { s.MaxLength = &n })},
	"minItems":  {"array", natural(func(s *jsonschema.Schema, n int) { s.MinItems = &n })},
	"maxItems":  {"array", natural(func(s *jsonschema.Schema, n int) { s.MaxItems = &n })},
	"minimum":   {"number", number(minimum)},
	"maximum":   {"number", number(maximum)},
	"pattern":   {"string", pattern},
	"format":    {"string", format},
	"enum":      {"string", enum},
	"secret":    {"", secret},
	"doc":       {"", func(s *jsonschema.Schema, v string) error { s.Description = v; return nil }},
	"example":   {"", func(s *jsonschema.Schema, v string) error { s.Examples = []any{exampleOf(s, v)}; return nil }},
}

// applyTags puts the words of one field's tags into the field's schema.
func applyTags(owner reflect.Type, f reflect.StructField, s *jsonschema.Schema) (errs []error) {
	wrong := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s.%s: %s", owner, f.Name, fmt.Sprintf(format, args...)))
	}
	tags, rest := tagsOf(f.Tag)
	if rest != "" {
		wrong(`of its tag this cannot be read: %s; tags are like json:"room" minLength:"1"`, rest)
	}
	for _, tag := range tags {
		key, value := tag[0], tag[1]
		if key == "json" {
			continue
		}
		w, ok := words[key]
		if !ok {
			wrong("unknown tag %q; the list is closed: %s", key, strings.Join(wordList(), ", "))
			continue
		}
		target := s
		if w.of != "" && !allows(s, w.of) {
			if s.Items == nil || !allows(s.Items, w.of) {
				wrong("%s is for a %s", key, w.of)
				continue
			}
			target = s.Items
		}
		if err := w.apply(target, value); err != nil {
			wrong("%s:%q %v", key, value, err)
		}
	}
	if err := checkExample(s); err != nil {
		wrong("example:%q %v", f.Tag.Get("example"), err)
	}
	return errs
}

// exampleOf is the value that a tag's text shows: of a string the text itself, else JSON.
func exampleOf(s *jsonschema.Schema, text string) any {
	if !allows(s, "string") && json.Valid([]byte(text)) {
		return json.RawMessage(text)
	}
	return text
}

// checkExample holds the example of a field, if it has one, to the field's schema.
func checkExample(s *jsonschema.Schema) error {
	if s.Examples == nil {
		return nil
	}
	v, err := NewValidator(s)
	if err != nil {
		return err
	}
	text, err := json.Marshal(s.Examples[0])
	if err != nil {
		return err
	}
	if mistakes := v.Validate(text); mistakes != nil {
		return errors.New(strings.TrimSpace(mistakes[0].Pointer + " " + mistakes[0].Detail))
	}
	return nil
}

func wordList() []string {
	var list []string
	for k := range words {
		list = append(list, k)
	}
	slices.Sort(list)
	return list
}

func allows(s *jsonschema.Schema, of string) bool {
	types := Types(s)
	return slices.Contains(types, of) || of == "number" && slices.Contains(types, "integer")
}

// tagsOf lists the keys and values of a struct tag, which reflect can only look up by
// key, and what is left of it because it is malformed.
func tagsOf(tag reflect.StructTag) (all [][2]string, rest string) {
	rest = string(tag)
	for {
		rest = strings.TrimLeft(rest, " ")
		key, after, _ := strings.Cut(rest, ":")
		quoted, err := strconv.QuotedPrefix(after)
		if err != nil {
			return all, rest
		}
		value, err := strconv.Unquote(quoted)
		if err != nil {
			return all, rest
		}
		all = append(all, [2]string{key, value})
		rest = after[len(quoted):]
	}
}

func natural(set func(*jsonschema.Schema, int)) func(*jsonschema.Schema, string) error {
	return func(s *jsonschema.Schema, v string) error {
		n, err := strconv.Atoi(v)
		if err != nil || n < 0 {
			return fmt.Errorf("is no whole number from 0")
		}
		set(s, n)
		return nil
	}
}

func number(set func(*jsonschema.Schema, float64) error) func(*jsonschema.Schema, string) error {
	return func(s *jsonschema.Schema, v string) error {
		f, err := strconv.ParseFloat(v, 64)
		if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
			return errors.New("is no number")
		}
		return set(s, f)
	}
}

// A type's own range may only become smaller: what it cannot hold does not decode.
func minimum(s *jsonschema.Schema, f float64) error {
	if s.Minimum != nil && f < *s.Minimum {
		return fmt.Errorf("is below %v, the least that the type holds", *s.Minimum)
	}
	s.Minimum = &f
	return nil
}

func maximum(s *jsonschema.Schema, f float64) error {
	if s.Maximum != nil && f > *s.Maximum {
		return fmt.Errorf("is above %v, the most that the type holds", *s.Maximum)
	}
	s.Maximum = &f
	return nil
}

func pattern(s *jsonschema.Schema, v string) error {
	if _, err := regexp.Compile(v); err != nil {
		return err
	}
	s.Pattern = v
	return nil
}

func format(s *jsonschema.Schema, v string) error {
	if _, ok := formats[v]; !ok {
		var known []string
		for k := range formats {
			known = append(known, k)
		}
		slices.Sort(known)
		return fmt.Errorf("is not one of %s", strings.Join(known, ", "))
	}
	s.Format = v
	return nil
}

// secret keeps a field out of logs, see package logging.
func secret(s *jsonschema.Schema, v string) error {
	if v != "true" {
		return errors.New("can only be true")
	}
	s.WriteOnly = true
	return nil
}

func enum(s *jsonschema.Schema, v string) error {
	for e := range strings.SplitSeq(v, "|") {
		if slices.Contains(s.Enum, any(e)) {
			return fmt.Errorf("lists %q twice", e)
		}
		s.Enum = append(s.Enum, e)
	}
	if allows(s, "null") {
		s.Enum = append(s.Enum, nil) // JSON Schema holds null to the list as well
	}
	return nil
}
