package schema

import (
	"encoding/json"
	"reflect"

	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/internal/jsonscan"
)

// Decode checks a JSON text and in the same pass fills the value that into points to,
// which is zero, as json.Unmarshal would. Its error is a fault with every mistake.
func (v *Validator) Decode(text []byte, into any) error {
	mistakes, err := v.decode(text, into)
	if mistakes != nil {
		return fault.InvalidInput(mistakes...)
	}
	return err
}

// DecodeAny is json.Unmarshal, and fast with what passes the check: a text that does
// not may come of another version of the contract.
func (v *Validator) DecodeAny(text []byte, into any) error {
	if mistakes, err := v.decode(text, into); mistakes == nil && err == nil {
		return nil
	}
	reflect.ValueOf(into).Elem().SetZero() // it may be half full
	return json.Unmarshal(text, into)
}

func (v *Validator) decode(text []byte, into any) ([]fault.Field, error) {
	to := reflect.ValueOf(into).Elem()
	if to.Type() != v.target { // no type that we were made ready for
		if mistakes := v.Validate(text); mistakes != nil {
			return mistakes, nil
		}
		return nil, json.Unmarshal(text, into)
	}
	return v.run(text, to), nil
}

// A way is how a checked value gets into a Go value.
type way byte

const (
	unmarshal way = iota // by encoding/json: kinds that are rare
	text
	boolean
	signed
	unsigned
	float
	slice
	fieldwise
)

// bind makes a node ready to fill values of a type, the one that its schema is of.
func (n *node) bind(t reflect.Type) {
	if _, ok := overrides[t]; ok || t == timeType {
		return
	}
	if t.Kind() == reflect.Pointer {
		if t.Elem().Kind() != reflect.Pointer {
			n.bind(t.Elem())
		}
		n.pointer = n.way != unmarshal
		return
	}
	switch t.Kind() {
	case reflect.String:
		n.way = text
	case reflect.Bool:
		n.way = boolean
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		n.way = signed
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		n.way = unsigned
	case reflect.Float32, reflect.Float64:
		n.way = float
	case reflect.Slice:
		if t.Elem().Kind() != reflect.Uint8 { // which encoding/json takes for bytes
			n.way = slice
			n.items.bind(t.Elem())
		}
	case reflect.Struct:
		n.way = fieldwise
		for f, name := range fields(t) {
			child := n.properties[name]
			child.index = f.Index
			child.bind(f.Type)
		}
	}
}

// filled checks the value at i and puts it where it belongs.
func (c *check) filled(n *node, i int, to reflect.Value) (int, error) {
	if n.pointer && to.IsValid() && i < len(c.b) {
		if c.b[i] == 'n' { // null, or a mistake
			return c.value(n, i, reflect.Value{})
		}
		to.Set(reflect.New(to.Type().Elem()))
		to = to.Elem()
	}
	if n.way != unmarshal {
		return c.value(n, i, to)
	}
	end, err := c.value(n, i, reflect.Value{})
	if err == nil && to.IsValid() && c.mistakes == nil {
		if json.Unmarshal(c.b[i:end], to.Addr().Interface()) != nil {
			c.wrong("does not fit its type")
		}
	}
	return end, err
}

// shortText is how long a text may be to be copied whole, so that the strings in it
// are parts of one copy.
const shortText = 1024

// textAt is the string at b[i:end], quotes included.
func (c *check) textAt(i, end int, plain bool) string {
	if !plain || len(c.b) > shortText {
		return jsonscan.Text(c.b[i:end], plain)
	}
	if c.copied == "" {
		c.copied = string(c.b)
	}
	return c.copied[i+1 : end-1]
}
