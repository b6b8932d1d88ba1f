package contract

import (
	"reflect"
	"strings"
	"sync"
)

// Binary is bytes that reach sockets as binary data (a Socket.IO attachment) where they
// are in an output, an event or a question. As JSON, in REST, histories and on the lanes,
// they are base64, as []byte is everywhere. Inputs and answers take both: either type may
// come as binary data or as base64.
type Binary []byte

// MaxBinary is how many binary values one event, output or question may have.
const MaxBinary = 64

// Args makes a struct several arguments, where it is embedded first: each of the other
// fields is one argument of the event, the acknowledgement or the question, in their
// order. Everywhere else, in REST and in handlers, it is a struct like any other.
//
//	type MoveInput struct {
//		contract.Args
//		Piece string   `json:"piece"`
//		To    Position `json:"to"`
//	}
//
//	socket.emit("move", "rook", { x: 1, y: 2 }, callback)
//
// The last fields may have omitempty: arguments that may be missing. On a socket such a
// one is left out if nothing comes after it, and else it is null, as the undefined of
// JavaScript is; a null that comes in its place is taken for a missing one. A question has
// all its places, because the client's callback comes last.
type Args struct{}

var (
	argsType   = reflect.TypeFor[Args]()
	binaryType = reflect.TypeFor[Binary]()
)

// A Shape is how the values of a type are written on a socket.
type Shape struct {
	// Args are the names of the fields that are one argument each; nil: the value is the
	// one argument.
	Args []string

	// Needed is how many of Args are always there: those after them may be missing.
	Needed int

	// Binary says where values are binary data: JSON pointers, in which * is each element
	// of a list, or each member of an object.
	Binary []string
}

var shapes sync.Map // of types: events are shaped at each emission

// ShapeOf is the shape of a type. Treat it as immutable.
func ShapeOf(t reflect.Type) Shape {
	if s, ok := shapes.Load(t); ok {
		return *s.(*Shape)
	}
	s := &Shape{Binary: places(nil, t, "", nil)}
	if t.Kind() == reflect.Struct && t.NumField() > 0 && t.Field(0).Anonymous && t.Field(0).Type == argsType {
		s.Args = []string{}
		for _, f := range reflect.VisibleFields(t) {
			name := jsonName(f)
			if name == "" {
				continue
			}
			if s.Needed == len(s.Args) && !optional(f) {
				s.Needed++
			}
			s.Args = append(s.Args, name)
		}
	}
	shapes.Store(t, s)
	return *s
}

// places appends the places of binary data in a type.
func places(all []string, t reflect.Type, at string, above []reflect.Type) []string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == binaryType {
		return append(all, at)
	}
	for _, other := range above { // it contains itself: the schema refuses it
		if other == t {
			return all
		}
	}
	above = append(above[:len(above):len(above)], t)
	switch t.Kind() {
	case reflect.Slice, reflect.Array, reflect.Map:
		return places(all, t.Elem(), at+"/*", above)
	case reflect.Struct:
		for _, f := range reflect.VisibleFields(t) {
			if name := jsonName(f); name != "" {
				all = places(all, f.Type, at+"/"+name, above)
			}
		}
	}
	return all
}

// optional tells of a field that is not always there.
func optional(f reflect.StructField) bool {
	_, options, _ := strings.Cut(f.Tag.Get("json"), ",")
	return strings.Contains(options, "omit")
}

// jsonName is the name of a field in JSON, "" for one that is not there.
func jsonName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	if f.Anonymous || !f.IsExported() || name == "-" {
		return ""
	}
	return name
}
