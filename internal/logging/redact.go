package logging

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/example/switchyard/internal/contract"
)

const (
	maxRead  = 16 << 10 // bytes of an input that is looked into
	maxShown = 1 << 10  // bytes of it that are logged

	redacted = "[redacted]"
)

// secretNames are parts of names, without - and _, of what is secret whoever declares it.
var secretNames = []string{"password", "passwd", "passphrase", "secret", "token", "authorization", "cookie", "apikey", "privatekey", "credential"}

// secrets are the names of the fields that a type says are secret, in lowercase, as
// decoding is not particular.
type secrets map[string]bool

func secretsOf(t reflect.Type) secrets {
	s := secrets{}
	s.gather(t, map[reflect.Type]bool{})
	return s
}

// Secrets tells what is not to be shown of what clients send and hear: what is secret by
// its name, whoever declares it, and the fields that types of a catalog say are secret.
type Secrets struct{ names secrets }

// SecretsOf are those of a catalog.
func SecretsOf(c *contract.Catalog) Secrets {
	s, seen := secrets{}, map[reflect.Type]bool{}
	for _, r := range c.Routes {
		s.gather(r.In, seen)
		s.gather(r.Out, seen)
	}
	for _, e := range c.Events {
		s.gather(e.Type, seen)
	}
	for _, a := range c.Asks {
		s.gather(a.Question, seen)
	}
	return Secrets{s}
}

// Has tells whether what has this name is a secret.
func (s Secrets) Has(name string) bool { return s.names.has(name) }

// Without puts a note in place of each secret in a decoded JSON value, or of all of it if
// what has this name is one, and returns it. A value without a name has "".
func (s Secrets) Without(name string, value any) any {
	if s.Has(name) {
		return redacted
	}
	return s.names.without(value)
}

// Drop is a JSON value without its members, at any depth, that are secrets. What is no
// JSON it returns as it is.
func (s Secrets) Drop(raw json.RawMessage) json.RawMessage {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return raw
	}
	text, err := json.Marshal(s.names.drop(v))
	if err != nil {
		return nil // it was JSON: cannot happen
	}
	return text
}

func (s secrets) drop(v any) any {
	switch v := v.(type) {
	case map[string]any:
		maps.DeleteFunc(v, func(name string, _ any) bool { return s.has(name) })
		for name, member := range v {
			v[name] = s.drop(member)
		}
	case []any:
		for i, element := range v {
			v[i] = s.drop(element)
		}
	}
	return v
}

func (s secrets) gather(t reflect.Type, seen map[reflect.Type]bool) {
	if t == nil || seen[t] {
		return
	}
	seen[t] = true
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		s.gather(t.Elem(), seen)
	case reflect.Struct:
		for _, f := range reflect.VisibleFields(t) {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if name == "" {
				name = f.Name
			}
			if f.Tag.Get("secret") == "true" {
				s[strings.ToLower(name)] = true
			}
			s.gather(f.Type, seen)
		}
	}
}

// redact is an input as it may be logged: one line, short, of printable characters.
func (s secrets) redact(input []byte) string {
	if len(input) > maxRead {
		return fmt.Sprintf("(%d bytes)", len(input))
	}
	d := json.NewDecoder(bytes.NewReader(input))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return fmt.Sprintf("(%d bytes that are no JSON)", len(input))
	}
	text, err := json.Marshal(s.without(v))
	if err != nil {
		return fmt.Sprintf("(%d bytes)", len(input)) // it was JSON: cannot happen
	}
	return cut(printable(string(text)))
}

// without is a decoded JSON value without secrets.
func (s secrets) without(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			if s.has(name) {
				v[name] = redacted
			} else {
				v[name] = s.without(member)
			}
		}
	case []any:
		for i, element := range v {
			v[i] = s.without(element)
		}
	}
	return v
}

var separators = strings.NewReplacer("-", "", "_", "")

func (s secrets) has(name string) bool {
	name = strings.ToLower(name)
	if s[name] {
		return true
	}
	name = separators.Replace(name)
	for _, part := range secretNames {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}

// printable writes what a terminal would act on, or show as something else, as JSON
// escapes. Not every slog handler does.
func printable(s string) string {
	if strings.IndexFunc(s, unprintable) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case !unprintable(r):
			b.WriteRune(r)
		case r > 0xFFFF:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

func unprintable(r rune) bool { return !unicode.IsPrint(r) }

func cut(s string) string {
	if len(s) <= maxShown {
		return s
	}
	end := maxShown
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}
