package contract_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/example/switchyard/internal/contract"
)

func TestNamesOfDynamicNamespaces(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		pattern, name string
		ok            bool
		params        map[string]string
	}{
		{"/chat", "/chat", true, nil},
		{"/chat", "/chats", false, nil},
		{"/org-{org}", "/org-7", true, map[string]string{"org": "7"}},
		{"/org-{org}", "/org-", false, nil},
		{"/org-{org}", "/org-7/rooms", false, nil},
		{"/org-{org}", "/org-{org}", false, nil},
		{"/org-{org}", "/org-a,b", false, nil},
		{"/org-{org}", "/org-a b", false, nil},
		{"/org-{org}", "/org-é", false, nil},
		{"/org-{org}", "/org-" + strings.Repeat("x", 200), false, nil},
		{"/{team}/rooms/{room}", "/a.b/rooms/C~1", true, map[string]string{"team": "a.b", "room": "C~1"}},
		{"/{team}/rooms/{room}", "/a/doors/1", false, nil},
		{"*", "/any/thing", true, nil},
		{"*", "/", false, nil},
		{"*", "any", false, nil},
		{"*", "/*0", false, nil},
		{"*", "/a?b", false, nil},
	} {
		params, ok := contract.Namespace{Name: tc.pattern}.Match(tc.name)
		if diff := cmp.Diff(tc.params, params); ok != tc.ok || diff != "" {
			t.Errorf("%s of %s: %t %s", tc.name, tc.pattern, ok, diff)
		}
	}
}

// none is a command of a namespace.
func none(n contract.Namespace, operation string) contract.Route {
	return contract.Command[contract.None, contract.None]{Namespace: n, Event: "do", Operation: operation, Doc: "Do."}.Handle(noop)
}

func TestTheMostExactNamespaceIsFound(t *testing.T) {
	t.Parallel()
	var all []contract.Route
	for i, name := range []string{"*", "/org-{org}", "/{any}", "/org-1"} {
		all = append(all, none(contract.Namespace{Name: name, Doc: "N."}, fmt.Sprint("n.n", i)))
	}
	c := contract.NewCatalog(all)
	if err := c.Check(); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"/org-1": "/org-1", "/org-2": "/org-{org}", "/team": "/{any}", "/a/b": "*", "bad": "", "/org-{org}": ""} {
		n, _, ok := c.Namespace(name)
		if n.Name != want || ok != (want != "") {
			t.Errorf("%s is of %q, want %q", name, n.Name, want)
		}
	}
}

func TestMistakesOfDynamicNamespaces(t *testing.T) {
	t.Parallel()
	rest := contract.Command[archiveInput, archiveOutput]{
		Namespace: contract.Namespace{Name: "/org-{org}", Doc: "N."}, Event: "do", Operation: "n.rest", Doc: "Do.",
		HTTP: contract.HTTP{Method: "POST", Path: "/v1/orgs"},
	}.Handle(serveArchive)
	err := contract.NewCatalog([]contract.Route{
		rest, none(contract.Namespace{Name: "/org-{team}", Doc: "N."}, "n.a"), none(contract.Namespace{Name: "/{a}/{a}", Doc: "N."}, "n.b"),
		none(contract.Namespace{Name: "/{a}-{b}", Doc: "N."}, "n.c"), none(contract.Namespace{Name: "/x*", Doc: "N."}, "n.d"),
	}).Check()
	for _, want := range []string{
		`command "n.rest": its namespace is a pattern, and a REST call is in none of it`,
		`namespace "/org-{team}": the namespace name /org-{} is taken by namespace "/org-{org}"`,
		`namespace "/{a}/{a}": two of its parts in braces have the same name`,
		`namespace "/{a}-{b}": the name must look like`, `namespace "/x*": the name must look like`,
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("not told: %s\nin: %v", want, err)
		}
	}
}

// Documents call "/" main, so nothing else is called so.
func TestTheMainNamespace(t *testing.T) {
	t.Parallel()
	main := contract.Namespace{Name: "/", Doc: "N."}
	for below, want := range map[string]string{"/rooms": "", "/main": "the namespace name /main is taken by"} {
		n := main.Nested(contract.Namespace{Name: below, Doc: "N."})
		err := contract.NewCatalog([]contract.Route{none(main, "n.a"), none(n, "n.b")}).Check()
		if n.Name != below || (err != nil) != (want != "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %s, %v", below, n.Name, err)
		}
	}
}

func TestWhereEventsOfDynamicNamespacesAreHeard(t *testing.T) {
	t.Parallel()
	orgs := contract.Namespace{Name: "/org-{org}", Doc: "N."}
	e := contract.Event[archivedPayload]{Namespace: orgs, Name: "told", Doc: "Told."}.Of(archivedPayload{}).ToEveryone()
	in := contract.Caller{Namespace: "/org-7"}
	for _, tc := range []struct {
		m    contract.Emission
		by   contract.Caller
		want string // or part of the error
	}{
		{e, in, "/org-7"},
		{e.In(orgs.At("8")), in, "/org-8"},
		{e.In(orgs.At("8")), contract.Caller{}, "/org-8"},
		{e, contract.Caller{}, "the caller is in none of it"},
		{e.In(boards), in, "/boards is none of it"},
		{archived.Of(archivedPayload{}), in, "/boards"},
		{archived.Of(archivedPayload{}).In(orgs.At("8")), in, "/org-8 is none of it"},
	} {
		n, err := tc.m.NamespaceFor(tc.by)
		if err == nil && n.Name != tc.want || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s %v, want %s", n.Name, err, tc.want)
		}
	}
}

// A dynamic namespace is one for each name that clients give it.
func ExampleNamespace_At() {
	orgs := contract.Namespace{Name: "/org-{org}", Doc: "One for each organisation."}
	params, ok := orgs.Match("/org-7")
	fmt.Println(params["org"], ok, orgs.At("8").Name)
	// Output:
	// 7 true /org-8
}

func noop(context.Context, contract.None) (contract.None, []contract.Effect, error) {
	return contract.None{}, nil, nil
}
