package schema_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/internal/schema"
)

type listing struct {
	Names []string `json:"names" maxLength:"3"`
	Count int      `json:"count" minimum:"0"`
}

func TestOutputsAreHeldToTheirSchemas(t *testing.T) {
	t.Parallel()
	said := listing{}
	failed := error(nil)
	list := contract.Command[contract.None, listing]{
		Namespace: contract.Namespace{Name: "/a", Doc: "A."}, Event: "list", Operation: "a.list", Doc: "List.",
	}
	c, err := schema.Compile(contract.NewCatalog([]contract.Route{
		list.Handle(func(context.Context, contract.None) (listing, []contract.Effect, error) {
			return said, []contract.Effect{contract.Join("r")}, failed
		}),
	}))
	if err != nil {
		t.Fatal(err)
	}
	serve := func() (contract.Outcome, error) {
		r, _ := c.Route("a.list")
		return r.Run(t.Context(), contract.Caller{}, []byte(`{}`))
	}
	for want, out := range map[string]listing{
		"":                             {Names: []string{"one"}},
		"/names must be of type array": {},
		"/names/1 must have at most 3 characters":                 {Names: []string{"one", "three"}},
		"/names must be of type array; /count must be at least 0": {Count: -1},
	} {
		said = out
		got, err := serve()
		if want == "" {
			if err != nil || string(got.Output) != `{"names":["one"],"count":0}` || len(got.Effects) != 1 {
				t.Errorf("%s: %v", got.Output, err)
			}
			continue
		}
		if err == nil || err.Error() != "the output of a.list breaks its contract: "+want || errors.As(err, new(*fault.Fault)) {
			t.Errorf("%v\nwant %s", err, want)
		}
		if got.Output != nil || got.Effects != nil {
			t.Errorf("%s: something came of it", want)
		}
	}
	failed = errors.New("broken")
	if _, err := serve(); !errors.Is(err, failed) {
		t.Error(err)
	}
	failed, said = nil, listing{}
	for every, wrong := range map[int]int{0: 0, 1: 10, 5: 2} {
		c.CheckOutputs(every)
		n := 0
		for range 10 {
			if _, err := serve(); err != nil && strings.Contains(err.Error(), "breaks its contract") {
				n++
			}
		}
		if n != wrong {
			t.Errorf("one in %d: %d of 10 were checked", every, n)
		}
	}
	var seen error
	c.Around(func(_ contract.Route, next contract.Serve) contract.Serve {
		return func(ctx context.Context, input []byte) (contract.Outcome, error) {
			out, err := next(ctx, input)
			seen = err
			return out, err
		}
	})
	c.CheckOutputs(1)
	if _, err := serve(); err == nil || seen != err { //nolint:errorlint // just this one
		t.Errorf("what is around everything sees %v of %v", seen, err)
	}
}
