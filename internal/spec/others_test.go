package spec_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/schema"
	"github.com/example/switchyard/internal/spec"
)

func TestOpenAPINeedsNothingElse(t *testing.T) {
	t.Parallel()
	d, err := spec.OpenAPI(compile(t, catalog()))
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	for _, ref := range refs(t, d) {
		name := strings.TrimPrefix(ref, "#/components/schemas/")
		used[name] = true
		if d.Components.Schemas[name] == nil {
			t.Errorf("%s is not there", ref)
		}
	}
	for name := range d.Components.Schemas {
		if !used[name] {
			t.Errorf("nothing refers to %s", name)
		}
	}
	put := d.Paths["/v1/hall/{fare}"]["put"]
	if put == nil || len(put.Parameters) != 1 || put.RequestBody == nil || put.RequestBody.Content["application/json"].Schema.Properties["fare"] != nil {
		t.Errorf("got %+v", put)
	}
}

// A page shows what declarations say as text, whatever it is.
func TestPageEscapes(t *testing.T) {
	t.Parallel()
	c := catalog()
	c.Title, c.Doc = `<script>alert(1)</script>`, `a & "b"`
	page, err := spec.Page(document(t, c))
	if err != nil || bytes.Contains(page, []byte("<script")) || !bytes.Contains(page, []byte("&lt;script&gt;")) {
		t.Errorf("%v\n%s", err, page)
	}
	for _, loads := range []string{" src=", "@import", "url(", "<link"} {
		if bytes.Contains(page, []byte(loads)) {
			t.Errorf("the page loads something: %s", loads)
		}
	}
}

func TestTwoTypesOfOneNameAreAMistake(t *testing.T) {
	t.Parallel()
	one := func() contract.Route {
		type input struct {
			A string `json:"a"`
		}
		return handle(contract.Command[input, contract.None]{Namespace: contract.Namespace{Name: "/x", Doc: "X."}, Event: "a", Operation: "x.a", Doc: "A."})
	}()
	two := func() contract.Route {
		type input struct {
			B []struct {
				C string `json:"c"`
			} `json:"b"`
		}
		return handle(contract.Command[input, contract.None]{Namespace: one.Namespace, Event: "b", Operation: "x.b", Doc: "B."})
	}()
	_, err := schema.Compile(contract.NewCatalog([]contract.Route{one, two}))
	if err == nil || !strings.Contains(err.Error(), "are both SpecTestInput in documents; rename one") {
		t.Errorf("got %v", err)
	}
}

// Names that documents and languages cannot have as they are.
func TestNamespacesHaveNamesInDocuments(t *testing.T) {
	t.Parallel()
	digits := contract.NewCatalog([]contract.Route{echo[contract.None](contract.Namespace{Name: "/2fa", Doc: "A."})})
	files, err := spec.Files(compile(t, digits), "/socket.io/")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if f.Name == "client.ts" && !strings.Contains(string(f.Body), "interface N2faServerToClientEvents ") {
			t.Errorf("%s", f.Body)
		}
	}
	one, two := echo[contract.None](contract.Namespace{Name: "/org-{org}", Doc: "A."}), echo[contract.None](contract.Namespace{Name: "/org-org", Doc: "B."})
	two.Operation = "y.a"
	_, err = spec.AsyncAPI(compile(t, contract.NewCatalog([]contract.Route{one, two})), "/socket.io/")
	if err == nil || !strings.Contains(err.Error(), "/org-{org} and /org-org are both called org-org in documents") {
		t.Errorf("got %v", err)
	}
}

// A client's types know patterns apart from names, in the server's order, and nothing of
// patterns where there are none.
func TestPatternsOfNamespacesInTypeScript(t *testing.T) {
	t.Parallel()
	generated := func(names ...string) string {
		var routes []contract.Route
		for i, name := range names {
			r := echo[contract.None](contract.Namespace{Name: name, Doc: "A."})
			r.Operation += string(rune('a' + i))
			routes = append(routes, r)
		}
		ts, err := spec.TypeScript(compile(t, contract.NewCatalog(routes)))
		if err != nil {
			t.Fatal(err)
		}
		return string(ts)
	}
	for want, ts := range map[string]string{
		"}\n\ntype Name = keyof Namespaces;\ntype NamespaceOf<N extends Name> = Namespaces[N];\n": generated("/chat"),
		"  N extends keyof Namespaces ? Namespaces[N]\n" +
			"  : [N, NamespaceSlashes<N>] extends [`/${string}${string}`, 1] ? { hears: TenantServerToClientEvents; says: TenantClientToServerEvents }\n" +
			"  : [N, NamespaceSlashes<N>] extends [`/org-${string}${string}`, 1] ? { hears: OrgOrgServerToClientEvents; says: OrgOrgClientToServerEvents }\n" +
			"  : { hears: {}; says: {} };\n": generated("/{tenant}", "/chat", "/org-{org}"),
		"type Name = keyof Namespaces | `/org-${string}${string}` | `/${string}${string}`;\n": generated("*", "/org-{org}"),
	} {
		if !strings.Contains(ts, want) {
			t.Errorf("nothing says\n%s\nin\n%s", want, ts)
		}
	}
	if strings.Contains(generated("/chat", "*"), "NamespaceSlashes") {
		t.Error("it says what nothing uses")
	}
}

type drawInput struct {
	Board string `json:"board"`
	Kind  string `json:"kind" enum:"line|circle"`
	Size  int    `json:"size"`
}

type drawArgs struct {
	contract.Args
	Kind string `json:"kind" enum:"line|circle"`
	Size int    `json:"size"`
}

// A kind makes a union of results, and of an input one field among others.
func TestAnInputWithAKindIsOne(t *testing.T) {
	t.Parallel()
	n, path := contract.Namespace{Name: "/draw", Doc: "Draw."}, "/v1/boards/{board}/shapes"
	c := compile(t, contract.NewCatalog([]contract.Route{
		handle(contract.Command[drawInput, contract.None]{Namespace: n, Event: "draw", Operation: "draw.draw", Doc: "Draw.", HTTP: contract.HTTP{Method: "POST", Path: path}}),
		handle(contract.Command[drawInput, contract.None]{Namespace: n, Event: "find", Operation: "draw.find", Doc: "Find.", HTTP: contract.HTTP{Method: "GET", Path: path}}),
		handle(contract.Command[drawArgs, contract.None]{Namespace: n, Event: "quick", Operation: "draw.quick", Doc: "Draw."}),
	}))
	d, err := spec.OpenAPI(c)
	if err != nil {
		t.Fatal(err)
	}
	post, get := d.Paths[path]["post"], d.Paths[path]["get"]
	if len(post.Parameters) != 1 || post.RequestBody == nil || len(get.Parameters) != 3 {
		t.Errorf("POST has %d parameters of 1, and the body %v; GET %d of 3", len(post.Parameters), post.RequestBody, len(get.Parameters))
	}
	ts, err := spec.TypeScript(c)
	if want := `quick: (_kind: "line" | "circle", _size: number`; err != nil || !strings.Contains(string(ts), want) {
		t.Errorf("%v; nothing says %s", err, want)
	}
}

// Readers of YAML 1.1 take these words for true and false.
func TestWordsThatWereBooleansAreQuoted(t *testing.T) {
	t.Parallel()
	got, err := spec.YAML([]byte(`{"a":["Yes","y","nobody","true"],"no":"on"}`))
	want := "a:\n  - \"Yes\"\n  - \"y\"\n  - nobody\n  - \"true\"\n\"no\": \"on\"\n"
	if err != nil || string(got) != want {
		t.Errorf("%v\n%s", err, got)
	}
}
