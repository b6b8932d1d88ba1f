package contracttest

import (
	"cmp"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/example/switchyard/internal/contract"
)

// Mounted fails t for each use case below the folder of usecases.go that the service
// would not have: a package that usecases.go does not name, and a command that is
// declared and has no route in the catalog. Both compile, and are silently not there.
func Mounted(t testing.TB, folder string, catalog *contract.Catalog) {
	t.Helper()
	for _, missing := range notMounted(t, folder, catalog) {
		t.Error(missing)
	}
}

func notMounted(t testing.TB, folder string, catalog *contract.Catalog) (missing []string) {
	t.Helper()
	root, err := filepath.Abs(folder)
	if err != nil {
		t.Fatal(err)
	}
	var imported []string
	for _, f := range parse(t, root, parser.ImportsOnly) {
		for _, spec := range f.Imports {
			imported = append(imported, spec.Path.Value)
		}
	}
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		files := parse(t, filepath.Join(root, e.Name()), parser.SkipObjectResolution)
		ours := "/" + filepath.Base(root) + "/" + e.Name() + `"`
		if len(files) > 0 && !slices.ContainsFunc(imported, func(path string) bool { return strings.HasSuffix(path, ours) }) {
			missing = append(missing, filepath.Base(root)+"/"+e.Name()+" is no part of the service: name it in "+filepath.Base(root)+".go, its New in Set and its Routes in Catalog")
			continue
		}
		handled := handledIn(files)
		for _, f := range files {
			missing = append(missing, withoutRoute(f, catalog, handled)...)
		}
	}
	return missing
}

// A file is a parsed one, with its path for messages.
type file struct {
	*ast.File
	path string // "chat/wave.go"
	set  *token.FileSet
}

func parse(t testing.TB, folder string, mode parser.Mode) (files []file) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		set := token.NewFileSet()
		f, err := parser.ParseFile(set, path, nil, mode)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file{f, filepath.Base(folder) + "/" + filepath.Base(path), set})
	}
	return files
}

// handledIn finds the names of commands to which a package gives a handler, by
// Command.Handle or contract.Methods.
func handledIn(files []file) map[string]bool {
	handled := map[string]bool{}
	for _, f := range files {
		ast.Inspect(f.File, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			method, ok := call.Fun.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			var commands []ast.Expr
			switch method.Sel.Name {
			case "Handle":
				commands = []ast.Expr{method.X}
			case "Methods":
				commands = call.Args
			}
			for _, c := range commands {
				if name, ok := c.(*ast.Ident); ok {
					handled[name.Name] = true
				}
			}
			return true
		})
	}
	return handled
}

// withoutRoute finds the commands that a file declares and the catalog does not have. Of
// an operation that is put together nothing here knows the text: that it is handled will do.
func withoutRoute(f file, catalog *contract.Catalog, handled map[string]bool) (missing []string) {
	for _, decl := range f.Decls {
		vars, ok := decl.(*ast.GenDecl)
		if !ok || vars.Tok != token.VAR {
			continue
		}
		for _, spec := range vars.Specs {
			v := spec.(*ast.ValueSpec)
			for i, value := range v.Values {
				operation, ok := operationOf(value)
				if !ok {
					continue
				}
				name := v.Names[i].Name
				if _, routed := catalog.Route(operation); !routed && (operation != "" || !handled[name]) {
					at := f.set.Position(v.Pos())
					missing = append(missing, f.path+":"+strconv.Itoa(at.Line)+": the command "+cmp.Or(operation, name)+
						" has no route: add "+name+".Handle(…) to the list of Routes, and Routes to Catalog in usecases.go")
				}
			}
		}
	}
	return missing
}

// operationOf is the operation of a literal of a contract.Command, "" if it is no literal.
func operationOf(value ast.Expr) (operation string, ok bool) {
	literal, ok := value.(*ast.CompositeLit)
	if !ok {
		return "", false
	}
	generic, ok := literal.Type.(*ast.IndexListExpr)
	if !ok {
		return "", false
	}
	if selector, ok := generic.X.(*ast.SelectorExpr); !ok || selector.Sel.Name != "Command" {
		return "", false
	}
	for _, element := range literal.Elts {
		field, ok := element.(*ast.KeyValueExpr)
		if !ok {
			continue
		}
		key, isName := field.Key.(*ast.Ident)
		text, isText := field.Value.(*ast.BasicLit)
		if isName && isText && key.Name == "Operation" {
			operation, _ = strconv.Unquote(text.Value)
		}
	}
	return operation, true
}
