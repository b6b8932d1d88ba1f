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
