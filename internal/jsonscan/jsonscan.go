// Package jsonscan finds where JSON values end, strictly and without decoding
// them: what it passes is valid to encoding/json. It allocates nothing but for
// strings with escapes. It never judges what a value means, not even whether a
// number is in range; schema does.
//
// All functions take a text and the index of the first byte of what they read
// (Space skips to it) and return the index after it. Start at Value.
package jsonscan

import (
	"encoding/json"
	"errors"
	"unicode/utf8"
)

// MaxDepth is how deep arrays and objects may nest.
const MaxDepth = 64

// The mistakes a text can have.
var (
	ErrSyntax = errors.New("not valid JSON")
	ErrDepth  = errors.New("nested too deeply")
	ErrUTF8   = errors.New("not valid UTF-8")
)

// Space returns the index of the first byte at or after i that is not white space.
func Space(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\t' || b[i] == '\n' || b[i] == '\r') {
		i++
	}
	return i
}

// Value reads any value.
func Value(b []byte, i int) (int, error) { return value(b, i, 0) }

func value(b []byte, i, depth int) (int, error) {
	if i >= len(b) {
		return i, ErrSyntax
	}
	switch c := b[i]; {
	case c == '"':
		end, _, err := String(b, i)
		return end, err
	case c == '{' || c == '[':
		return container(b, i, depth+1)
	case c == '-' || c >= '0' && c <= '9':
		end, _, err := Number(b, i)
		return end, err
	}
	for _, word := range [...]string{"true", "false", "null"} {
		if end := i + len(word); end <= len(b) && string(b[i:end]) == word {
			return end, nil
		}
	}
	return i, ErrSyntax
}

func container(b []byte, i, depth int) (int, error) {
	if depth > MaxDepth {
		return i, ErrDepth
	}
	object := b[i] == '{'
	closer := b[i] + 2 // ASCII: '{' 0x7b '}' 0x7d, '[' 0x5b ']' 0x5d
	i = Space(b, i+1)
	if i < len(b) && b[i] == closer {
		return i + 1, nil
	}
	for {
		var err error
		if object {
			if i, err = Key(b, i); err != nil {
				return i, err
			}
		}
		if i, err = value(b, i, depth); err != nil {
			return i, err
		}
		var done bool
		if i, done, err = Next(b, i, closer); err != nil || done {
			return i, err
		}
	}
}

// Members reads an object and gives its members to member, in their order: each
// name decoded, and the text of its value. A name may come twice.
func Members(b []byte, i int, member func(name string, value []byte)) (int, error) {
	if i >= len(b) || b[i] != '{' {
		return i, ErrSyntax
	}
	i = Space(b, i+1)
	if i < len(b) && b[i] == '}' {
		return i + 1, nil
	}
	for {
		start, err := Key(b, i)
		if err != nil {
			return start, err
		}
		nameEnd, plain, err := String(b, i)
		if err != nil {
			return nameEnd, err
		}
		end, err := value(b, start, 1)
		if err != nil {
			return end, err
		}
		member(Text(b[i:nameEnd], plain), b[start:end])
		var done bool
		if i, done, err = Next(b, end, '}'); err != nil || done {
			return i, err
		}
	}
}

// Key reads an object's key and its colon, up to the first byte of the value.
func Key(b []byte, i int) (int, error) {
	if i >= len(b) || b[i] != '"' {
		return i, ErrSyntax
	}
	i, _, err := String(b, i)
	if err != nil {
		return i, err
	}
	return Colon(b, i)
}

// Colon reads the colon after an object's key, up to the first byte of the value.
func Colon(b []byte, i int) (int, error) {
	if i = Space(b, i); i >= len(b) || b[i] != ':' {
		return i, ErrSyntax
	}
	return Space(b, i+1), nil
}

// Next reads what follows an element: a comma, up to the first byte of the next
// element, or the closer, which is the end.
func Next(b []byte, i int, closer byte) (next int, done bool, err error) {
	i = Space(b, i)
	switch {
	case i < len(b) && b[i] == closer:
		return i + 1, true, nil
	case i < len(b) && b[i] == ',':
		return Space(b, i+1), false, nil
	}
	return i, false, ErrSyntax
}

// String reads a string that starts at its quote. Plain tells that what is between
// the quotes is the text itself, without escapes.
func String(b []byte, i int) (end int, plain bool, err error) {
	plain, ascii := true, true
	start := i + 1
	for i = start; i < len(b); i++ {
		c := b[i]
		if ordinary[c] {
			continue
		}
		switch {
		case c == '"':
			if !ascii && !utf8.Valid(b[start:i]) {
				return i, plain, ErrUTF8
			}
			return i + 1, plain, nil
		case c == '\\':
			plain = false
			n := escape(b[i+1:])
			if n == 0 {
				return i, plain, ErrSyntax
			}
			i += n
		case c < ' ':
			return i, plain, ErrSyntax
		default:
			ascii = false
		}
	}
	return i, plain, ErrSyntax
}

// ordinary are the bytes of a string that mean themselves: ASCII but for control
// characters, the quote and the backslash.
var ordinary = func() (all [256]bool) {
	for c := ' '; c < utf8.RuneSelf; c++ {
		all[c] = c != '"' && c != '\\'
	}
	return all
}()

// escape returns the length of an escape without its backslash, 0 for a bad one.
func escape(b []byte) int {
	if len(b) == 0 {
		return 0
	}
	switch b[0] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 1
	case 'u':
		if len(b) < 5 {
			return 0
		}
		for _, c := range b[1:5] {
			if !isHex(c) {
				return 0
			}
		}
		return 5
	}
	return 0
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// Text decodes a string that String has read, quotes included.
func Text(b []byte, plain bool) string {
	if plain {
		return string(b[1 : len(b)-1])
	}
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return "" // String has checked it: cannot happen
	}
	return s
}

// Number reads a number. Integer tells that it has neither fraction nor exponent.
func Number(b []byte, i int) (end int, integer bool, err error) {
	integer = true
	if i < len(b) && b[i] == '-' {
		i++
	}
	if i < len(b) && b[i] == '0' {
		i++
	} else if i, err = digits(b, i); err != nil {
		return i, integer, err
	}
	if i < len(b) && b[i] == '.' {
		integer = false
		if i, err = digits(b, i+1); err != nil {
			return i, integer, err
		}
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		integer = false
		if i++; i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		if i, err = digits(b, i); err != nil {
			return i, integer, err
		}
	}
	return i, integer, nil
}

func digits(b []byte, i int) (int, error) {
	start := i
	for i < len(b) && b[i] >= '0' && b[i] <= '9' {
		i++
	}
	if i == start {
		return i, ErrSyntax
	}
	return i, nil
}
