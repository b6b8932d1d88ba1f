package schema_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/schema"
)

type flatInput struct {
	ID    string          `json:"id"`
	Count *int            `json:"count,omitempty"`
	Open  bool            `json:"open,omitempty"`
	Since time.Time       `json:"since,omitzero"`
	Mark  contract.Binary `json:"mark,omitempty"`
	Tags  []string        `json:"tags,omitempty"`
	Sizes []*int          `json:"sizes,omitempty"`
	Pair  [2]float64      `json:"pair,omitzero"`
	Free  any             `json:"free,omitempty"`
}

type deepInput struct {
	ID     string            `json:"id"`
	Filter item              `json:"filter"`
	Maybe  *item             `json:"maybe,omitempty"`
	Names  map[string]string `json:"names,omitempty"`
	Items  []item            `json:"items,omitempty"`
	Rows   [][]int           `json:"rows,omitempty"`
	Tags   []string          `json:"tags,omitempty"`
}

// What a path or a query cannot have is told at the start, and not to each caller.
func TestCompileRefusesWhatNoQueryCanHave(t *testing.T) {
	t.Parallel()
	const inQuery, otherwise = "GET /v1/things/{id} takes its values from the path and the query, and the field ", ": use POST, or make it a text, a number, a boolean or a list of these"
	inPath := func(name, what string) string {
		return "the HTTP path /v1/things/{" + name + "} has {" + name + "}, a field that is " + what + ": give it in the body, or make it a text, a number or a boolean"
	}
	for name, tc := range map[string]struct {
		err  error
		want []string
	}{
		"texts and lists":      {overREST[flatInput]("GET", "/v1/things/{id}"), nil},
		"a list in a path":     {overREST[flatInput]("GET", "/v1/things/{tags}"), nil},
		"objects in a body":    {overREST[deepInput]("DELETE", "/v1/things/{id}"), nil},
		"objects in a query":   {overREST[deepInput]("GET", "/v1/things/{id}"), []string{"filter is an object", "maybe is an object", "names is an object", "items is a list of objects", "rows is a list of lists"}},
		"an object in a path":  {overREST[deepInput]("POST", "/v1/things/{filter}"), []string{inPath("filter", "an object")}},
		"a map in a path":      {overREST[deepInput]("PUT", "/v1/things/{names}"), []string{inPath("names", "an object")}},
		"a list of them there": {overREST[deepInput]("DELETE", "/v1/things/{items}"), []string{inPath("items", "a list of objects")}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if tc.want == nil {
				if tc.err != nil {
					t.Error(tc.err)
				}
				return
			}
			if tc.err == nil || strings.Count(tc.err.Error(), "command ") != len(tc.want) {
				t.Fatalf("got %v", tc.err)
			}
			for _, w := range tc.want {
				if !strings.HasPrefix(w, "the HTTP path") {
					w = inQuery + w + otherwise
				}
				if !strings.Contains(tc.err.Error(), `command "things.do": `+w) {
					t.Errorf("missing: %s\ngot %v", w, tc.err)
				}
			}
		})
	}
}

// overREST compiles a command with this route.
func overREST[In any](method, path string) error {
	_, err := schema.Compile(contract.NewCatalog([]contract.Route{
		contract.Command[In, contract.None]{
			Namespace: contract.Namespace{Name: "/things", Doc: "Things."}, Event: "do", Operation: "things.do", Doc: "Do.",
			HTTP: contract.HTTP{Method: method, Path: path},
		}.Handle(func(context.Context, In) (none contract.None, _ []contract.Effect, err error) { return none, nil, nil }),
	}))
	return err
}
