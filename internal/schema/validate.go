package schema

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/internal/jsonscan"
)

// What one input can make us report is bounded.
const (
	MaxMistakes = 32
	maxSegment  = 64  // bytes of a name that a pointer repeats
	maxPointer  = 512 // bytes; what is deeper is told of what holds it
)

// Validate returns every mistake in a JSON text, at most 32, or nil. A text that is
// no JSON is one mistake, of the whole input.
func (v *Validator) Validate(text []byte) []fault.Field { return v.run(text, reflect.Value{}) }

// run checks a text, and puts it into a Go value unless that is the zero Value.
func (v *Validator) run(text []byte, to reflect.Value) []fault.Field {
	c := checks.Get().(*check)
	defer checks.Put(c)
	*c = check{b: text, path: c.path[:0]}
	end, err := c.filled(v.root, jsonscan.Space(text, 0), to)
	if err == nil && jsonscan.Space(text, end) != len(text) {
		err = jsonscan.ErrSyntax
	}
	if err != nil {
		return []fault.Field{{Detail: err.Error()}}
	}
	return c.mistakes
}

// check is one run over one text.
type check struct {
	b        []byte
	path     []string
	mistakes []fault.Field
	copied   string // of b
}

var checks = sync.Pool{New: func() any { return new(check) }}

var escapePointer = strings.NewReplacer("~", "~0", "/", "~1")

// Pointer is the JSON pointer of a path. The names in it may be a client's own, so
// it is short and valid UTF-8 whatever they are.
func Pointer(path ...string) string {
	var p strings.Builder
	for _, name := range path {
		name = strings.ToValidUTF8(name[:min(len(name), maxSegment)], "")
		name = escapePointer.Replace(name)
		if p.Len()+len("/")+len(name) > maxPointer {
			break
		}
		p.WriteString("/" + name)
	}
	return p.String()
}

// wrongAt reports a mistake of a member of the object being read.
func (c *check) wrongAt(name, detail string) {
	c.path = append(c.path, name)
	c.wrong("%s", detail)
	c.path = c.path[:len(c.path)-1]
}

func (c *check) wrong(format string, args ...any) {
	if len(c.mistakes) == MaxMistakes {
		return
	}
	c.mistakes = append(c.mistakes, fault.Field{Pointer: Pointer(c.path...), Detail: fmt.Sprintf(format, args...)})
}

// value checks the value at i and returns the index after it. Its error is about
// the text; mistakes about its meaning are collected, and the rest is still read. What
// has none goes into to, if that is valid.
func (c *check) value(n *node, i int, to reflect.Value) (int, error) {
	if i >= len(c.b) {
		return i, jsonscan.ErrSyntax
	}
	if len(c.path) >= jsonscan.MaxDepth && (c.b[i] == '{' || c.b[i] == '[') {
		return i, jsonscan.ErrDepth
	}
	switch b := c.b[i]; {
	case b == '"' && n.str:
		return c.str(n, i, to)
	case b == '{' && n.object:
		return c.object(n, i, to)
	case b == '[' && n.array:
		return c.list(n, i, to)
	case (b == '-' || b >= '0' && b <= '9') && (n.num || n.integer):
		return c.number(n, i, to)
	case (b == 't' || b == 'f') && n.boolean && to.IsValid():
		to.SetBool(b == 't')
		return jsonscan.Value(c.b, i)
	case b == 'n' && n.null, (b == 't' || b == 'f') && n.boolean:
		return jsonscan.Value(c.b, i)
	}
	end, err := jsonscan.Value(c.b, i)
	if err == nil {
		c.wrong("must be of type %s", n.want)
	}
	return end, err
}

func (c *check) str(n *node, i int, to reflect.Value) (int, error) {
	end, plain, err := jsonscan.String(c.b, i)
	if err != nil {
		return end, err
	}
	if !to.IsValid() && n.minLength < 0 && n.maxLength < 0 && n.pattern == nil && n.format == "" && n.enum == nil {
		return end, nil
	}
	s := c.textAt(i, end, plain)
	if to.IsValid() {
		to.SetString(s)
	}
	if n.minLength >= 0 || n.maxLength >= 0 {
		length := utf8.RuneCountInString(s)
		if length < n.minLength {
			c.wrong("must have at least %s", count(n.minLength, "character"))
		}
		if n.maxLength >= 0 && length > n.maxLength {
			c.wrong("must have at most %s", count(n.maxLength, "character"))
		}
	}
	if n.pattern != nil && !n.pattern.MatchString(s) {
		c.wrong("must match the pattern %s", n.pattern)
	}
	// time.Time decodes the raw text: an escape in it is a mistake.
	if n.format != "" && !accepts(n.format, s) || n.format == "date-time" && !plain {
		c.wrong("must be a valid %s", n.format)
	}
	if n.enum != nil && !slices.Contains(n.enum, s) {
		c.wrong("must be one of %s", strings.Join(n.enum, ", "))
	}
	return end, nil
}

func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return strconv.Itoa(n) + " " + what
}

func (c *check) list(n *node, i int, to reflect.Value) (int, error) {
	i = jsonscan.Space(c.b, i+1)
	length, done := 0, false
	if to.IsValid() {
		to.Set(reflect.MakeSlice(to.Type(), 0, 0)) // an empty list is not nil
	}
	if i < len(c.b) && c.b[i] == ']' {
		i, done = i+1, true
	}
	for !done {
		var err error
		c.path = append(c.path, strconv.Itoa(length))
		i, err = c.filled(n.items, i, extend(to))
		c.path = c.path[:len(c.path)-1]
		if err == nil {
			i, done, err = jsonscan.Next(c.b, i, ']')
		}
		if err != nil {
			return i, err
		}
		length++
	}
	if length < n.minItems {
		c.wrong("must have at least %s", count(n.minItems, "item"))
	}
	if n.maxItems >= 0 && length > n.maxItems {
		c.wrong("must have at most %s", count(n.maxItems, "item"))
	}
	return i, nil
}

// extend makes a slice longer by one element and returns that.
func extend(s reflect.Value) reflect.Value {
	if !s.IsValid() {
		return s
	}
	n := s.Len()
	if n == s.Cap() {
		s.Grow(1)
	}
	s.SetLen(n + 1)
	element := s.Index(n)
	element.SetZero()
	return element
}

func (c *check) object(n *node, i int, to reflect.Value) (int, error) {
	i = jsonscan.Space(c.b, i+1)
	var seen seenNames
	done := false
	if i < len(c.b) && c.b[i] == '}' {
		i, done = i+1, true
	}
	for !done {
		var err error
		i, err = c.member(n, &seen, i, to)
		if err == nil {
			i, done, err = jsonscan.Next(c.b, i, '}')
		}
		if err != nil {
			return i, err
		}
	}
	for _, name := range n.required {
		if !seen.has(name) {
			c.wrongAt(name, "is required")
		}
	}
	return i, nil
}

// member checks the member of an object that starts at i.
func (c *check) member(n *node, seen *seenNames, i int, to reflect.Value) (int, error) {
	if i >= len(c.b) || c.b[i] != '"' {
		return i, jsonscan.ErrSyntax
	}
	end, plain, err := jsonscan.String(c.b, i)
	if err != nil {
		return end, err
	}
	from := c.b[i:end]
	if i, err = jsonscan.Colon(c.b, end); err != nil {
		return i, err
	}
	var name string
	child, known := n.properties[string(from[1:len(from)-1])] // no allocation for a lookup
	if known && plain {
		name = child.name
	} else {
		name = jsonscan.Text(from, plain)
		child, known = n.properties[name]
	}
	if !known {
		child = n.additional
	}
	switch {
	case child == nil:
		c.wrongAt(name, "is not part of the contract")
		return jsonscan.Value(c.b, i)
	case !seen.add(name):
		c.wrongAt(name, "is given twice")
		return jsonscan.Value(c.b, i)
	}
	c.path = append(c.path, name)
	if to.IsValid() { // only structs get here with a value
		to = to.FieldByIndex(child.index)
	}
	i, err = c.filled(child, i, to)
	c.path = c.path[:len(c.path)-1]
	return i, err
}
