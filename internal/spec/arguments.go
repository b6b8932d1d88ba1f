package spec

import (
	"reflect"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/example/switchyard/internal/contract"
)

// An argument is a parameter of a function in TypeScript.
type argument struct {
	name, of string
	optional bool
}

// arguments are the parameters that a payload is: one, or of a type with contract.Args
// each of its members.
func (w *typescript) arguments(name string, t reflect.Type, s *jsonschema.Schema) []argument {
	shape := contract.ShapeOf(t)
	if shape.Args == nil || s == nil {
		return []argument{{name: name, of: w.typeOf(s, "  ")}}
	}
	s = w.schemas.Resolve(s)
	all := make([]argument, len(shape.Args))
	for i, arg := range shape.Args {
		all[i] = argument{parameter(arg), w.typeOf(s.Properties[arg], "  "), i >= shape.Needed}
	}
	return all
}

// heard writes the parameters of an event or an acknowledgement. One that may be missing
// is null if a later one is there.
func (w *typescript) heard(name string, t reflect.Type, s *jsonschema.Schema) string {
	return written(w.arguments(name, t, s), "?", " | null")
}

// asked writes the parameters of a question, with the callback as the last. That keeps its
// place, so each of them is there.
func (w *typescript) asked(t reflect.Type, s *jsonschema.Schema, acknowledged string) string {
	return written(append(w.arguments("question", t, s), argument{name: "answer", of: "(" + acknowledged + ") => void"}), "", " | null")
}

// said writes the parameters of a command, with the acknowledgement as the last. In
// TypeScript nothing that must be there follows a parameter that may be missing, so there
// is one list of parameters for each number of arguments.
func (w *typescript) said(t reflect.Type, s *jsonschema.Schema, acknowledged string) string {
	args, ack := w.arguments("input", t, s), "ack: ("+acknowledged+") => void"
	var lists []string
	for n := range len(args) + 1 {
		if n == len(args) || args[n].optional {
			lists = append(lists, written(args[:n], "", " | null | undefined"))
		}
	}
	switch {
	case len(lists) > 1:
		return "...input: [...args: [" + strings.Join(lists, "] | [") + "], " + ack + "]"
	case len(args) == 0:
		return ack
	}
	return lists[0] + ", " + ack
}

// acknowledged writes the parameters of an acknowledgement: a problem is one argument.
func (w *typescript) acknowledged(t reflect.Type, s *jsonschema.Schema) string {
	if contract.ShapeOf(t).Args == nil {
		return "answer: " + w.typeOf(s, "  ") + " | Problem"
	}
	return "...answer: [" + w.heard("", t, s) + "] | [problem: Problem]"
}

// written are parameters as they stand in a list. Mark and or are for optional ones.
func written(all []argument, mark, or string) string {
	texts := make([]string, len(all))
	for i, a := range all {
		texts[i] = a.name + ": " + a.of
		if a.optional {
			texts[i] = a.name + mark + ": " + strings.TrimSuffix(a.of, " | null") + or
		}
	}
	return strings.Join(texts, ", ")
}

// parameter is a name for a parameter, whatever a member is called.
func parameter(name string) string {
	return "_" + strings.Map(func(r rune) rune {
		if r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '_'
	}, name)
}
