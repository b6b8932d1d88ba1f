package schema

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
)

// A written is a field that encoding/json may write, under a wire name, from this path of
// embedded structs.
type written struct {
	reflect.StructField // Index is from the outermost struct
	path, name          string
	tagged              bool
}

// checkHidden finds the fields that encoding/json writes although Go hides them: the one
// goes by wire names, the other by its own. No schema has such a field, because all else
// here goes by what Go shows.
func checkHidden(t reflect.Type, path string) (errs []error) {
	var all []written
	collect(t, written{path: path}, func(w written) { all = append(all, w) })
	byName := map[string][]written{}
	for _, w := range all {
		byName[w.name] = append(byName[w.name], w)
	}
	for _, w := range all {
		if shown, ok := t.FieldByName(w.Name); ok && slices.Equal(shown.Index, w.Index) {
			continue
		}
		if slices.Equal(dominant(byName[w.name]), w.Index) {
			errs = append(errs, fmt.Errorf("%s: it is hidden by another field called %s, and would be on the wire as %q all the same: rename one of them in Go", w.path, w.Name, w.name))
		}
	}
	return errs
}

// collect finds the fields of a struct, and of those embedded in it.
func collect(t reflect.Type, above written, found func(written)) {
	for i := range t.NumField() {
		f := t.Field(i)
		tag, tagged := f.Tag.Lookup("json")
		name, _, _ := cut(tag)
		w := written{f, above.path + "." + f.Name, cmp.Or(name, f.Name), tagged && name != ""}
		w.Index = append(slices.Clip(above.Index), i)
		switch {
		case tag == "-":
		case f.Anonymous && f.Type.Kind() == reflect.Struct && !w.tagged:
			collect(f.Type, w, found)
		case f.IsExported():
			found(w)
		}
	}
}

// dominant is the one of several fields of a name that encoding/json writes: that of the
// least depth, and of those the one that has the name from its tag. Nil: it writes none,
// because none is before all others.
func dominant(all []written) []int {
	rank := func(w written) int {
		if w.tagged {
			return 2 * len(w.Index)
		}
		return 2*len(w.Index) + 1
	}
	best := slices.MinFunc(all, func(a, b written) int { return rank(a) - rank(b) })
	if len(slices.DeleteFunc(slices.Clone(all), func(w written) bool { return rank(w) > rank(best) })) > 1 {
		return nil
	}
	return best.Index
}
