package schema

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/example/switchyard/internal/contract"
)

var (
	timeType   = reflect.TypeFor[time.Time]()
	argsType   = reflect.TypeFor[contract.Args]()
	numberType = reflect.TypeFor[json.Number]()
	coders     = []reflect.Type{
		reflect.TypeFor[json.Marshaler](), reflect.TypeFor[json.Unmarshaler](),
		reflect.TypeFor[encoding.TextMarshaler](), reflect.TypeFor[encoding.TextUnmarshaler](),
	}
	fieldName  = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	pathParam  = regexp.MustCompile(`\{([a-z_]+)\}`)
	knownTypes = []reflect.Type{timeType, reflect.TypeFor[*time.Time]()}
)

// PathParams lists the names in the braces of an HTTP path.
func PathParams(path string) []string {
	var names []string
	for _, m := range pathParam.FindAllStringSubmatch(path, -1) {
		names = append(names, m[1])
	}
	return names
}

// cut splits a json tag into name and options.
func cut(tag string) (name, options string, ok bool) { return strings.Cut(tag, ",") }

// checkType finds what no schema, and so no document and no other language, can
// express. Path says where we are, for people: "chat.JoinInput.room".
func checkType(t reflect.Type, path string, above []reflect.Type) error {
	if _, ok := overrides[t]; ok || slices.Contains(knownTypes, t) {
		return nil
	}
	wrong := func(format string, args ...any) error {
		return fmt.Errorf("%s: %s", path, fmt.Sprintf(format, args...))
	}
	if slices.Contains(above, t) {
		return wrong("the type contains itself, which has no bounded depth")
	}
	if t.Kind() != reflect.Interface && encodesItself(t) {
		return wrong("%s encodes itself, so its schema is not known; use a string with a format, or a struct", t)
	}
	above = append(slices.Clip(above), t)
	switch t.Kind() {
	case reflect.Interface:
		if t.NumMethod() > 0 {
			return wrong("nothing decodes into %s; use any, or a struct", t)
		}
		return nil
	case reflect.Bool, reflect.String, reflect.Float32, reflect.Float64,
		reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return nil
	case reflect.Pointer:
		return checkType(t.Elem(), path, above[:len(above)-1])
	case reflect.Slice, reflect.Array:
		if t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8 { // encoding/json makes a text of it
			return wrong("use []byte for what is base64 on the wire, contract.Binary for binary data, or a list of larger numbers, not %s", t)
		}
		return checkType(t.Elem(), path+"[]", above)
	case reflect.Map:
		if t.Key().Kind() != reflect.String {
			return wrong("a map's key must be a string, not %s", t.Key())
		}
		if encodesItself(t.Key()) {
			return wrong("%s encodes itself, so what a key may be is not known; use a string", t.Key())
		}
		return checkType(t.Elem(), path+"{}", above)
	case reflect.Struct:
		return checkStruct(t, path, above)
	}
	return wrong("JSON has no %s", t.Kind())
}

// encodesItself tells of methods of a type, or of a pointer to it, that encoding/json
// prefers to the type's shape.
func encodesItself(t reflect.Type) bool {
	return t == numberType || slices.ContainsFunc(coders, t.Implements) || slices.ContainsFunc(coders, reflect.PointerTo(t).Implements)
}

func checkStruct(t reflect.Type, path string, above []reflect.Type) error {
	errs := checkHidden(t, path)
	for _, f := range reflect.VisibleFields(t) {
		errs = append(errs, checkField(f, path+"."+f.Name, above))
	}
	taken := map[string]bool{}
	for f, name := range fields(t) {
		if taken[name] {
			errs = append(errs, fmt.Errorf("%s.%s: the wire name %q is taken by another field", path, f.Name, name))
		}
		taken[name] = true
	}
	return errors.Join(append(errs, checkArgs(t, path, len(above) == 1)...)...)
}

// checkArgs finds arguments that have no place.
func checkArgs(t reflect.Type, path string, outermost bool) (errs []error) {
	args := contract.ShapeOf(t).Args != nil
	optional := ""
	for _, f := range reflect.VisibleFields(t) {
		_, options, _ := cut(f.Tag.Get("json"))
		switch {
		case f.Type == argsType && f.Anonymous:
			if !args || len(f.Index) > 1 || !outermost {
				errs = append(errs, fmt.Errorf("%s.Args: embed it first in the type of an input, an output, an event or a question itself", path))
			}
		case !args || f.Anonymous || !f.IsExported():
		case strings.Contains(options, "omit"):
			optional = f.Name
		case optional != "":
			errs = append(errs, fmt.Errorf("%s.%s: it must be there, and comes after %s, which may be missing: arguments are told by their places", path, f.Name, optional))
		}
	}
	return errs
}

func checkField(f reflect.StructField, path string, above []reflect.Type) error {
	if f.Anonymous && (f.Type.Kind() != reflect.Struct || f.Tag != "") {
		return fmt.Errorf("%s: embed a struct by value, without tags, or name the field", path)
	}
	if f.Anonymous || !f.IsExported() {
		return nil
	}
	tag, ok := f.Tag.Lookup("json")
	name, options, _ := cut(tag)
	switch {
	case tag == "-": // "-," is a name
		return nil
	case !ok || !fieldName.MatchString(name):
		return fmt.Errorf(`%s: the field needs its wire name, like json:"room_id"`, path)
	}
	for o := range strings.SplitSeq(options, ",") {
		if o != "" && o != "omitempty" && o != "omitzero" {
			return fmt.Errorf("%s: the json option %q has no schema", path, o)
		}
	}
	return checkType(f.Type, path, above)
}
