package schema

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"
)

// names are the types that have a name in documents, by it.
type names map[string]reflect.Type

// claim takes the names of a type and of those in it. Two types of one name are an error:
// a document would show one of them in place of both.
func (n names) claim(t reflect.Type) error {
	if _, ok := overrides[t]; ok || t == timeType {
		return nil
	}
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		return n.claim(t.Elem())
	case reflect.Struct:
		if name := Name(t); t.Name() != "" {
			if other, ok := n[name]; ok && other != t {
				return fmt.Errorf("%s.%s and %s.%s are both %s in documents; rename one", t.PkgPath(), t.Name(), other.PkgPath(), other.Name(), name)
			}
			n[name] = t
		}
		for f := range fields(t) {
			if err := n.claim(f.Type); err != nil {
				return err
			}
		}
	}
	return nil
}

var (
	qualified = regexp.MustCompile(`(?:[\w.~-]+/)*(\w+)\.(\w+)`)
	letters   = regexp.MustCompile(`[A-Za-z0-9]+`)
)

// Name is what documents and other languages call a named type: chat.Message is
// ChatMessage, however many nouns have messages. The words of the machinery are bare.
func Name(t reflect.Type) string {
	name := qualified.ReplaceAllStringFunc(t.String(), func(s string) string {
		m := qualified.FindStringSubmatch(s)
		pkg, name := exported(m[1]), exported(m[2])
		if pkg == "Contract" || pkg == "Fault" || strings.HasPrefix(name, pkg) {
			return name
		}
		return pkg + name
	})
	return exported(name)
}

// exported makes one capitalized word of a text.
func exported(s string) string {
	var b strings.Builder
	for _, w := range letters.FindAllString(s, -1) {
		b.WriteString(strings.ToUpper(w[:1]) + w[1:])
	}
	return b.String()
}
