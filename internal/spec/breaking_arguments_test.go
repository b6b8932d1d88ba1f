package spec_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/spec"
)

// The order of arguments is part of the contract; another one at the end is not.
func TestBreakingArguments(t *testing.T) {
	t.Parallel()
	type one struct {
		contract.Args
		A string `json:"a"`
		B string `json:"b"`
	}
	type turned struct {
		contract.Args
		B string `json:"b"`
		A string `json:"a"`
	}
	type longer struct {
		contract.Args
		A string `json:"a"`
		B string `json:"b"`
		C string `json:"c,omitempty"`
	}
	type object struct {
		A string `json:"a"`
		B string `json:"b"`
	}
	of := func(r contract.Route) *spec.Document { return document(t, contract.NewCatalog([]contract.Route{r})) }
	was := of(arguments[one]())
	for name, tc := range map[string]struct {
		is   *spec.Document
		want int
	}{"the same": {of(arguments[one]()), 0}, "longer": {of(arguments[longer]()), 0}, "turned": {of(arguments[turned]()), 1}, "an object": {of(arguments[object]()), 1}} {
		if got := spec.Breaking(was, tc.is); len(got) != tc.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// More arguments of a question break its clients: the callback comes after them. A type
// without fields has arguments, too: none.
func TestBreakingArgumentsOfQuestions(t *testing.T) {
	t.Parallel()
	type none struct{ contract.Args }
	type one struct {
		contract.Args
		Text string `json:"text,omitempty"`
	}
	if got := spec.Breaking(asking[one](t), asking[struct {
		contract.Args
		Text string `json:"text,omitempty"`
		Hint string `json:"hint,omitempty"`
	}](t)); len(got) != 1 || !strings.Contains(got[0], "the callback comes after them") {
		t.Errorf("%q", got)
	}
	empty := document(t, contract.NewCatalog([]contract.Route{arguments[none]()}))
	text, err := json.Marshal(empty)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := spec.Read(text)
	if err != nil {
		t.Fatal(err)
	}
	longer := document(t, contract.NewCatalog([]contract.Route{arguments[one]()}))
	for name, is := range map[string]*spec.Document{"the same": empty, "one more": longer} {
		if got := spec.Breaking(kept, is); got != nil {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func asking[Question any](t *testing.T) *spec.Document {
	t.Helper()
	ns := contract.Namespace{Name: "/a", Doc: "A."}
	sure := contract.Ask[Question, contract.None]{Namespace: ns, Name: "sure", Doc: "Sure?"}
	return document(t, contract.NewCatalog([]contract.Route{handle(contract.Command[contract.None, contract.None]{
		Namespace: ns, Event: "move", Operation: "a.move", Doc: "Move.", Asks: []contract.AskSpec{sure.Spec()},
	})}))
}

func arguments[In any]() contract.Route {
	return handle(contract.Command[In, contract.None]{Namespace: contract.Namespace{Name: "/a", Doc: "A."}, Event: "move", Operation: "a.move", Doc: "Move."})
}
