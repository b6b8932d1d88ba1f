package contract

import (
	"fmt"
	"slices"
	"strings"
)

// A dynamic namespace is a pattern: "/org-{org}" is /org-7, /org-acme and so on, and "*"
// is every name that no other namespace has. Its sockets, rooms and events belong to
// the one that a client has named, which is there as long as somebody is in it, and which
// Caller.Namespace tells a handler. What its handlers return is meant for that one;
// another is named by At: Posted.Of(p).In(Orgs.At("7")).
//
// A {name} goes to the end of its part of the path, and stands for letters, digits and
// . _ ~ -, one at least. A name without any is preferred, then the pattern that was
// declared first, and "*" comes last.

// anyNamespace is the name of the namespace that is every other one.
const anyNamespace = "*"

// Dynamic tells whether the namespace is a pattern.
func (n Namespace) Dynamic() bool {
	return n.Name == anyNamespace || strings.IndexByte(n.Name, '{') >= 0
}

// At is the namespace with values in the place of what is in braces, in order; of "*" the
// value is the whole name.
func (n Namespace) At(values ...string) Namespace {
	if n.Name == anyNamespace && len(values) == 1 {
		n.Name = values[0]
		return n
	}
	for _, v := range values {
		begin, end := strings.IndexByte(n.Name, '{'), strings.IndexByte(n.Name, '}')
		if begin < 0 || end < begin {
			break
		}
		n.Name = n.Name[:begin] + v + n.Name[end+1:]
	}
	return n
}

// For is the namespace that a caller is in, if n is a pattern of it, and else n.
func (n Namespace) For(c Caller) Namespace {
	if n.Dynamic() {
		if _, ok := n.Match(c.Namespace); ok {
			n.Name = c.Namespace
		}
	}
	return n
}

// NamespaceFor is the namespace in which an emission is heard that a caller's command has
// brought about.
func (m Emission) NamespaceFor(c Caller) (Namespace, error) {
	n := m.Event.Namespace.For(c)
	if m.Where.Name != "" {
		if _, ok := m.Event.Namespace.Match(m.Where.Name); !ok {
			return n, fmt.Errorf("the event %s is of the namespace %s, and %s is none of it", m.Event.Name, m.Event.Namespace.Name, m.Where.Name)
		}
		n = m.Where
	}
	if n.Dynamic() {
		return n, fmt.Errorf("the event %s is of the namespace %s, and the caller is in none of it: say in which, by In", m.Event.Name, n.Name)
	}
	return n, nil
}

// maxNamespace is how long the name may be that a client gives a dynamic namespace, in
// bytes.
const maxNamespace = 200

// Match tells whether a name is one of n's, and what it has in the place of what is in
// braces.
func (n Namespace) Match(name string) (params map[string]string, ok bool) {
	switch {
	case !n.Dynamic():
		return nil, n.Name == name
	case len(name) < 2 || len(name) > maxNamespace || name[0] != '/':
		return nil, false
	case n.Name == anyNamespace:
		return nil, isNamespaceValue(name, true)
	}
	pattern, parts := strings.Split(n.Name, "/"), strings.Split(name, "/")
	if len(pattern) != len(parts) {
		return nil, false
	}
	for i, p := range pattern {
		literal, param, isParam := strings.Cut(p, "{")
		value, ok := strings.CutPrefix(parts[i], literal)
		if !ok || isParam != (value != "") || !isNamespaceValue(value, false) {
			return nil, false
		}
		if isParam {
			if params == nil {
				params = map[string]string{}
			}
			params[strings.TrimSuffix(param, "}")] = value
		}
	}
	return params, true
}

// isNamespaceValue tells whether a text has only what may be part of a name: nothing
// that Socket.IO's packets or our own messages would read otherwise.
func isNamespaceValue(s string, slashes bool) bool {
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '_', c == '~', c == '-', slashes && c == '/':
		default:
			return false
		}
	}
	return true
}

// Namespace finds the namespace that a name belongs to, and what the name has in the
// place of what is in its braces.
func (c *Catalog) Namespace(name string) (n Namespace, params map[string]string, ok bool) {
	for _, n := range c.Namespaces {
		if n.Name == name && !n.Dynamic() {
			return n, nil, true
		}
	}
	for _, last := range [...]bool{false, true} {
		for _, n := range c.Namespaces {
			if n.Dynamic() && (n.Name == anyNamespace) == last {
				if params, ok := n.Match(name); ok {
					return n, params, true
				}
			}
		}
	}
	return Namespace{}, nil, false
}

// shape is the same for patterns that match the same names, and for what documents call
// the same: "/" is main there.
func (n Namespace) shape() string {
	if n.Name == "/" {
		return "/main"
	}
	return paramRE.ReplaceAllString(n.Name, "{}")
}

// dynamic checks what holds for patterns.
func (k *checker) dynamic(who string, n Namespace) {
	params := paramRE.FindAllString(n.Name, -1)
	slices.Sort(params)
	if len(slices.Compact(params)) < strings.Count(n.Name, "{") {
		k.wrong(who, "two of its parts in braces have the same name")
	}
}
