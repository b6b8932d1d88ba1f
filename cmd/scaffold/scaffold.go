package main

import (
	"errors"
	"fmt"
	"go/ast"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// A filling is what templates are filled with.
type filling struct {
	name
	Module   string
	Receiver string
	Routes   string // the expression with which a test makes the routes
}

// command adds a command to a noun: its file, its test, and its route.
func (t *tree) command(n name) error {
	in, err := t.noun(n)
	if err != nil {
		return err
	}
	if err := in.free(n.Var(), n.Var()+"Input", n.Var()+"Output", n.Method(), "Test"+n.Var()); err != nil {
		return err
	}
	if !in.declares("Namespace") {
		return fmt.Errorf("%s declares no Namespace: scaffolded commands are of the variable Namespace", in.dir)
	}
	routes, receiver, err := in.routes()
	if err != nil {
		return err
	}
	data := filling{n, t.module, receiver, in.routesOfTests()}
	t.next = append(t.next, fmt.Sprintf("next: go test ./%s fails and says what to write", in.dir))
	return errors.Join(
		t.add(path.Join(in.dir, n.File()+".go"), "command.go.tmpl", data),
		t.add(path.Join(in.dir, n.File()+"_test.go"), "command_test.go.tmpl", data),
		t.edit(routes, func(f *file) error {
			_, list := routesIn(f)
			route := fmt.Sprintf("%s.Handle(%s.%s)", n.Var(), receiver, n.Method())
			if len(list.Elts) == 0 {
				route = "\n" + route + ",\n" // so that the next ones have lines of their own
			}
			f.into(list.Lbrace, list.Rbrace, list.Elts, route)
			return nil
		}),
	)
}

// event adds an event to a noun's own file, with its payload, and the test that somebody
// raises it.
func (t *tree) event(n name) error {
	in, err := t.noun(n)
	if err != nil {
		return err
	}
	if err := in.free(n.Var(), n.Var()+"Payload", "Test"+n.Var()); err != nil {
		return err
	}
	i := slices.IndexFunc(in.files, func(f *file) bool { _, ns := eventsIn(f); return ns != nil })
	if i < 0 {
		return fmt.Errorf("%s declares no Namespace: scaffolded events are of the variable Namespace", in.dir)
	}
	data := filling{n, t.module, "", in.routesOfTests()}
	declaration, err := render("event.go.tmpl", data)
	if err != nil {
		return err
	}
	payload, err := render("payload.go.tmpl", data)
	if err != nil {
		return err
	}
	t.next = append(t.next, fmt.Sprintf("next: go test ./%s fails and says what to write", in.dir))
	return errors.Join(
		t.add(path.Join(in.dir, n.File()+"_test.go"), "event_test.go.tmpl", data),
		t.edit(in.files[i].path, func(f *file) error {
			block, namespace := eventsIn(f)
			if block != nil {
				f.before(block.Rparen, strings.TrimSuffix(string(declaration), "\n"))
				f.after(block.End(), "\n"+string(payload))
				return nil
			}
			f.after(namespace.End(), "\n// The events.\nvar (\n"+string(declaration)+")\n\n"+string(payload))
			return nil
		}),
	)
}

// usecase adds a noun, and gathers it with the others.
func (t *tree) usecase(n name) error {
	dir := path.Join("usecases", n.Noun)
	if t.exists(dir) {
		return fmt.Errorf("%s is there already: make command NAME=%s.… adds to it", dir, n.Noun)
	}
	data := filling{n, t.module, n.Noun[:1], ""}
	t.next = append(t.next, fmt.Sprintf("next: make command NAME=%s.<verb>", n.Noun))
	if err := errors.Join(
		t.add(path.Join(dir, n.Noun+".go"), "usecase.go.tmpl", data),
		t.add(path.Join(dir, n.Noun+"_test.go"), "usecase_test.go.tmpl", data),
		t.edit("usecases/usecases.go", func(f *file) error { return t.gather(f, n) }),
	); err != nil {
		return err
	}
	return t.callers(n)
}

// gather adds a noun to the Set and to the Catalog.
func (t *tree) gather(f *file, n name) error {
	var set, catalog *ast.CallExpr
	var fn *ast.FuncDecl
	for _, d := range f.ast.Decls {
		if d, ok := d.(*ast.FuncDecl); ok && d.Name.Name == "Catalog" && d.Recv == nil {
			fn = d
		}
	}
	ast.Inspect(f.ast, func(node ast.Node) bool {
		if call, ok := node.(*ast.CallExpr); ok {
			switch calls(call) {
			case "wire.NewSet":
				set = call
			case "contract.NewCatalog":
				catalog = call
			}
		}
		return true
	})
	if set == nil || catalog == nil || fn == nil || fn.Pos() > catalog.Pos() || catalog.Pos() > fn.End() {
		return fmt.Errorf("%s: want a Set by wire.NewSet(…), and a func Catalog(…) with contract.NewCatalog(…), to add %s to", f.path, n.Noun)
	}
	as, err := t.importNoun(f, n)
	if err != nil {
		return err
	}
	param := unused(fn, n.Noun)
	f.into(set.Lparen, set.Rparen, set.Args, as+".New")
	f.into(catalog.Lparen, catalog.Rparen, catalog.Args, param+".Routes()")
	var params []ast.Expr
	for _, p := range fn.Type.Params.List {
		params = append(params, p.Type)
	}
	f.into(fn.Type.Params.Opening, fn.Type.Params.Closing, params, fmt.Sprintf("%s *%s.Service", param, as))
	return nil
}

// importNoun imports a noun, and returns what the file calls it: by its name, unless the
// file has another use for that, or its package, whose names an import can not have.
func (t *tree) importNoun(f *file, n name) (as string, err error) {
	importPath := t.module + "/usecases/" + n.Noun
	if as := f.imports(importPath); as != "" {
		return as, nil
	}
	used := identifiers(f.ast)
	beside, err := filepath.Glob(filepath.Join(t.root, path.Dir(f.path), "*.go"))
	if err != nil {
		return "", err
	}
	for _, p := range beside {
		source, err := os.ReadFile(p)
		if err != nil {
			return "", err
		}
		other, err := parseFile(p, source)
		if err != nil {
			return "", err
		}
		for _, d := range other.ast.Decls {
			for _, id := range declared(d) {
				used[id.Name] = true
			}
		}
	}
	for as = n.Noun; used[as]; {
		as += "usecase"
	}
	f.addImport(t.module, importPath, as)
	return as, nil
}

func identifiers(node ast.Node) map[string]bool {
	names := map[string]bool{}
	ast.Inspect(node, func(node ast.Node) bool {
		if id, ok := node.(*ast.Ident); ok {
			names[id.Name] = true
		}
		return true
	})
	return names
}

// unused is the shortest beginning of a noun that a function does not use as a name.
func unused(fn *ast.FuncDecl, noun string) string {
	used := identifiers(fn)
	for i := range noun {
		if short := noun[:i+1]; !used[short] && !token.IsKeyword(short) {
			return short
		}
	}
	return noun + "Service"
}

// calls names the function that is called, "wire.NewSet".
func calls(c *ast.CallExpr) string {
	s, ok := c.Fun.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	id, ok := s.X.(*ast.Ident)
	if !ok {
		return ""
	}
	return id.Name + "." + s.Sel.Name
}

// callers gives the new noun to all that call Catalog: tests, which make the use cases
// themselves. What wire has written is generated again.
func (t *tree) callers(n name) error {
	return filepath.WalkDir(t.root, func(full string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(t.root, full)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		// Where Go does not look, and other modules.
		unread := d.IsDir() && (strings.ContainsAny(d.Name()[:1], "._") || d.Name() == "node_modules" || d.Name() == "vendor" || t.exists(path.Join(rel, "go.mod")))
		switch {
		case unread && rel != ".":
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(rel, ".go") || d.Name() == "wire_gen.go":
			return nil
		}
		return t.caller(rel, n)
	})
}

func (t *tree) caller(path string, n name) error {
	source, err := t.read(path)
	if err != nil {
		return err
	}
	if !strings.Contains(string(source), t.module+"/usecases\"") {
		return nil
	}
	f, err := parseFile(path, source)
	if err != nil {
		return err
	}
	if found := catalogCalls(f, t.module); len(found) == 0 {
		return nil
	}
	return t.edit(path, func(f *file) error {
		as, err := t.importNoun(f, n)
		for _, call := range catalogCalls(f, t.module) {
			f.into(call.Lparen, call.Rparen, call.Args, as+".New()")
		}
		return err
	})
}

// catalogCalls are the calls of usecases.Catalog in a file.
func catalogCalls(f *file, module string) (found []*ast.CallExpr) {
	as := f.imports(module + "/usecases")
	if as == "" {
		return nil
	}
	ast.Inspect(f.ast, func(node ast.Node) bool {
		if call, ok := node.(*ast.CallExpr); ok && calls(call) == as+".Catalog" {
			found = append(found, call)
		}
		return true
	})
	return found
}
