package spec

import (
	"cmp"
	"fmt"
	"regexp"
	"strings"

	"github.com/example/switchyard/internal/contract"
)

// namespaces writes which namespace has which maps of events. Those with a name of their
// own are in an interface. The index signature of a pattern would have to fit each name in
// it that the pattern matches, so patterns are looked at one after the other, in the order
// of the server: contract.Catalog.Namespace has it.
func (w *typescript) namespaces(all []contract.Namespace, types []string) {
	static, patterns, anyOther := "", "", ""
	names := []string{"keyof Namespaces"}
	for i, n := range all {
		maps := fmt.Sprintf("{ hears: %[1]sServerToClientEvents; says: %[1]sClientToServerEvents }", types[i])
		switch {
		case !n.Dynamic():
			static += "  " + quoted(n.Name) + ": " + maps + ";\n"
		case n.Name == "*":
			anyOther = maps
		default:
			name := pattern(n.Name)
			names = append(names, name)
			patterns += fmt.Sprintf("  : [N, NamespaceSlashes<N>] extends [%s, %d] ? %s\n", name, strings.Count(n.Name, "/"), maps)
		}
	}
	w.line("\n// The namespaces.\n\nexport interface Namespaces {\n%s}\n", static)
	if patterns == "" && anyOther == "" {
		w.line("type Name = keyof Namespaces;\ntype NamespaceOf<N extends Name> = Namespaces[N];")
		return
	}
	if patterns != "" {
		w.doc("", "How many slashes a name has: no value in the place of a parameter has any.")
		w.line("type NamespaceSlashes<N extends string, Found extends 0[] = []> =")
		w.line("  N extends `${string}/${infer Rest}` ? NamespaceSlashes<Rest, [...Found, 0]> : Found[\"length\"];\n")
	}
	if anyOther != "" {
		names = append(names, "`/"+something+"`")
	}
	w.doc("", "The names of namespaces. ${string}${string} is a text that is not empty.")
	w.line("type Name = %s;\n", strings.Join(names, " | "))
	w.doc("", "What a namespace's clients hear and say, found by its name as the server does; nothing, if it finds none.")
	w.line("type NamespaceOf<N extends Name> =\n  N extends keyof Namespaces ? Namespaces[N]\n%s  : %s;", patterns, cmp.Or(anyOther, "{ hears: {}; says: {} }"))
}

const something = "${string}${string}" // the first of two takes one letter at least

var parameters = regexp.MustCompile(`\{[^}]*\}`)

// pattern is a type of all the names of a dynamic namespace, and of some that have more
// slashes.
func pattern(namespace string) string {
	return "`" + parameters.ReplaceAllLiteralString(namespace, something) + "`"
}

// namespaceTypes are what the maps of namespaces are called, each once.
func namespaceTypes(all []contract.Namespace) []string {
	types, taken := make([]string, len(all)), map[string]bool{}
	for i, n := range all {
		name := namespaceType(n)
		for taken[name] {
			name += "_"
		}
		types[i], taken[name] = name, true
	}
	return types
}

func namespaceType(n contract.Namespace) string {
	var name strings.Builder
	if first := strings.TrimLeft(n.Name, "/"); first != "" && first[0] <= '9' && first[0] >= '0' {
		name.WriteString("N") // no name of TypeScript begins with a digit
	}
	if n.Name == "*" {
		return "Any"
	}
	for _, part := range strings.FieldsFunc(n.Name, func(r rune) bool { return strings.ContainsRune("/-_{}", r) }) {
		name.WriteString(strings.ToUpper(part[:1]) + part[1:])
	}
	return cmp.Or(name.String(), "Main")
}
