package main

import (
	"errors"
	"fmt"
	"go/ast"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// A noun is the package of one, as it is written.
type noun struct {
	name  name
	dir   string
	files []*file
}

// noun reads a package that must be there.
func (t *tree) noun(n name) (*noun, error) {
	dir := path.Join("usecases", n.Noun)
	paths, err := filepath.Glob(filepath.Join(t.root, dir, "*.go"))
	if err != nil {
		return nil, err
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("there is no %s: make usecase NAME=%s first", dir, n.Noun)
	}
	found := &noun{name: n, dir: dir}
	for _, p := range paths {
		source, err := os.ReadFile(p)
		if err != nil {
			return nil, err
		}
		f, err := parseFile(path.Join(dir, filepath.Base(p)), source)
		if err != nil {
			return nil, err
		}
		found.files = append(found.files, f)
	}
	return found, nil
}

// free fails if the package, or its tests, have one of these names, or something that is
// called so on the wire.
func (n *noun) free(names ...string) error {
	var found []error
	for _, f := range n.files {
		for _, d := range f.ast.Decls {
			for _, id := range declared(d) {
				if slices.Contains(names, id.Name) {
					found = append(found, fmt.Errorf("%s: %s is there already", f.fset.Position(id.Pos()), id.Name))
				}
			}
		}
		ast.Inspect(f.ast, func(node ast.Node) bool {
			if v := wireName(node, n.name); v != nil {
				found = append(found, fmt.Errorf("%s: something is called %s already", f.fset.Position(v.Pos()), v.Value))
			}
			return true
		})
	}
	if len(found) > 0 {
		return fmt.Errorf("%w\ntake another name, or edit what is there", errors.Join(found...))
	}
	return nil
}

// wireName is the value of the field that gives a command or an event this name on the
// wire, nil of another one.
func wireName(node ast.Node, n name) *ast.BasicLit {
	kv, ok := node.(*ast.KeyValueExpr)
	if !ok {
		return nil
	}
	key, ok := kv.Key.(*ast.Ident)
	if !ok {
		return nil
	}
	name, ok := map[string]string{"Operation": n.Full(), "Name": n.Full(), "Event": n.Verb}[key.Name]
	v, _ := kv.Value.(*ast.BasicLit)
	if !ok || v == nil || v.Value != strconv.Quote(name) {
		return nil
	}
	return v
}

// declared are the names that a declaration gives to the package, and to its Service.
func declared(d ast.Decl) []*ast.Ident {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil || receiver(d) == "Service" {
			return []*ast.Ident{d.Name}
		}
	case *ast.GenDecl:
		var names []*ast.Ident
		for _, s := range d.Specs {
			switch s := s.(type) {
			case *ast.ValueSpec:
				names = append(names, s.Names...)
			case *ast.TypeSpec:
				names = append(append(names, s.Name), fieldsOfService(s)...)
			}
		}
		return names
	}
	return nil
}

// fieldsOfService are the fields of the type Service, beside which no method can have their
// names.
func fieldsOfService(s *ast.TypeSpec) (names []*ast.Ident) {
	fields, ok := s.Type.(*ast.StructType)
	if !ok || s.Name.Name != "Service" {
		return nil
	}
	for _, f := range fields.Fields.List {
		names = append(names, f.Names...)
	}
	return names
}

// receiver is the type of a method, without its pointer.
func receiver(d *ast.FuncDecl) string {
	kind := d.Recv.List[0].Type
	if p, ok := kind.(*ast.StarExpr); ok {
		kind = p.X
	}
	id, _ := kind.(*ast.Ident)
	if id == nil {
		return ""
	}
	return id.Name
}

// declares tells whether the package, not its tests, declares something.
func (n *noun) declares(what string) bool {
	return slices.ContainsFunc(n.files, func(f *file) bool {
		return f.ast.Name.Name == n.name.Noun && !strings.HasSuffix(f.path, "_test.go") &&
			slices.ContainsFunc(f.ast.Decls, func(d ast.Decl) bool {
				return slices.ContainsFunc(declared(d), func(id *ast.Ident) bool { return id.Name == what })
			})
	})
}

// routesOfTests is the expression by which a test of the package makes its routes: a call of
// their helper, if they have one.
func (n *noun) routesOfTests() string {
	for _, f := range n.files {
		for _, d := range f.ast.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if ok && f.ast.Name.Name == n.name.Noun+"_test" && fn.Recv == nil && fn.Name.Name == "routes" && len(fn.Type.Params.List) == 0 {
				return "routes()"
			}
		}
	}
	return "new(" + n.name.Noun + ".Service).Routes()"
}

// routes are the file with the Routes of the Service, and their receiver.
func (n *noun) routes() (path, receiverName string, err error) {
	for _, f := range n.files {
		if fn, list := routesIn(f); list != nil {
			names := fn.Recv.List[0].Names
			if len(names) == 1 && names[0].Name != "_" {
				return f.path, names[0].Name, nil
			}
		}
	}
	return "", "", fmt.Errorf("%s has no method that lists its routes, func (s *Service) Routes() []contract.Route { return []contract.Route{…} }: write one, then scaffold again", n.dir)
}

func routesIn(f *file) (*ast.FuncDecl, *ast.CompositeLit) {
	for _, d := range f.ast.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || fn.Recv == nil || fn.Body == nil || fn.Name.Name != "Routes" || receiver(fn) != "Service" {
			continue
		}
		var list *ast.CompositeLit
		ast.Inspect(fn.Body, func(node ast.Node) bool {
			lit, ok := node.(*ast.CompositeLit)
			if ok && list == nil {
				if array, ok := lit.Type.(*ast.ArrayType); ok && array.Len == nil && isContract(array.Elt, "Route") {
					list = lit
				}
			}
			return list == nil
		})
		return fn, list
	}
	return nil, nil
}

// isContract tells whether a type is contract.<name>, also of type parameters.
func isContract(kind ast.Expr, name string) bool {
	if i, ok := kind.(*ast.IndexExpr); ok {
		kind = i.X
	}
	s, ok := kind.(*ast.SelectorExpr)
	if !ok || s.Sel.Name != name {
		return false
	}
	id, ok := s.X.(*ast.Ident)
	return ok && id.Name == "contract"
}

// isEvent tells whether a variable is a declaration of an event.
func isEvent(s ast.Spec) bool {
	v, ok := s.(*ast.ValueSpec)
	if !ok || len(v.Values) != 1 {
		return false
	}
	lit, ok := v.Values[0].(*ast.CompositeLit)
	return ok && isContract(lit.Type, "Event")
}

// eventsIn is the block of a file's events, or else the declaration of its Namespace, nil
// without either.
func eventsIn(f *file) (block, namespace *ast.GenDecl) {
	for _, d := range f.ast.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.VAR {
			continue
		}
		if g.Rparen.IsValid() && slices.ContainsFunc(g.Specs, isEvent) {
			block = g
		}
		if slices.ContainsFunc(declared(g), func(id *ast.Ident) bool { return id.Name == "Namespace" }) {
			namespace = g
		}
	}
	return block, namespace
}
