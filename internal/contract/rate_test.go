package contract_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/example/switchyard/internal/contract"
)

func rated(ns contract.Namespace, verb string, internal bool, rates ...contract.Rate) contract.Route {
	c := contract.Command[archiveInput, archiveOutput]{
		Namespace: ns, Event: verb, Operation: "board." + verb, Doc: "Do it.", Internal: internal,
		Policy: contract.Policy{Rates: rates},
	}
	if internal {
		c.Event = ""
	}
	return c.Handle(func(context.Context, archiveInput) (archiveOutput, []contract.Effect, error) {
		return archiveOutput{}, nil, nil
	})
}

func TestRatesOfEveryScope(t *testing.T) {
	t.Parallel()
	rate := func(name, operations string) contract.Rate {
		return contract.Rate{Name: name, For: operations, Every: time.Second}
	}
	api := contract.Namespace{Name: "/api", Doc: "An API.", Policy: &contract.Policy{Rates: []contract.Rate{rate("api", "")}}}
	boards := api.Nested(contract.Namespace{Name: "/boards", Doc: "Boards.", Policy: &contract.Policy{Rates: []contract.Rate{rate("boards", "")}}})
	c := contract.NewCatalog([]contract.Route{
		rated(boards, "open", false, rate("open", "")), rated(boards, "close", false), rated(boards, "sweep", true),
	}).Use(contract.Policy{Rates: []contract.Rate{rate("service", "board.open"), rate("all", "board.*")}})
	if err := c.Check(); err != nil {
		t.Fatal(err)
	}
	var got []string
	shared := map[string]map[*contract.Rate]bool{}
	for _, r := range c.Routes {
		names := []string{r.Operation}
		for _, rate := range r.Rates {
			names = append(names, rate.Name)
			if shared[rate.Name] == nil {
				shared[rate.Name] = map[*contract.Rate]bool{}
			}
			shared[rate.Name][rate] = true
		}
		got = append(got, strings.Join(names, " "))
	}
	if diff := cmp.Diff([]string{"board.open open boards api service all", "board.close boards api all", "board.sweep"}, got); diff != "" {
		t.Error(diff)
	}
	for name, rates := range shared {
		if len(rates) != 1 {
			t.Errorf("the commands of a scope have %d rates %s, not one together", len(rates), name)
		}
	}
}

func TestMistakesInRates(t *testing.T) {
	t.Parallel()
	every := contract.Rate{Every: time.Second}
	named := func(name string, r contract.Rate) contract.Rate { r.Name = name; return r }
	api := contract.Namespace{Name: "/api", Doc: "An API.", Policy: &contract.Policy{Rates: []contract.Rate{named("outer", contract.Rate{})}}}
	boards := api.Nested(contract.Namespace{Name: "/boards", Doc: "Boards.", Policy: &contract.Policy{}})
	err := contract.NewCatalog([]contract.Route{
		rated(boards, "open", false, every, named("twice", every), named("burst", contract.Rate{Every: time.Hour, Burst: 1000})),
		rated(boards, "close", false, named("twice", every), named("never", contract.Rate{Every: time.Second, Burst: -1})),
		rated(boards, "sweep", true, named("internal", every)),
	}).Use(contract.Policy{Rates: []contract.Rate{named("nobody", contract.Rate{For: "chat.*", Every: time.Second})}}).Check()
	if err == nil {
		t.Fatal("no mistake")
	}
	for _, want := range []string{
		`command "board.open": rate "": the name must be`, `command "board.close": rate "twice": the rate name twice is taken by command "board.open"`,
		`rate "burst": a whole burst takes more than 744h`, `rate "never": Every must be at least 1µs; Burst`, `rate "outer": Every must`,
		`the service's policy: rate "nobody": it is for "chat.*", which no command`, `rate "internal": it is for ""`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v\ndoes not say %s", err, want)
		}
	}
	if n := strings.Count(err.Error(), "\n") + 1; n != 7 {
		t.Errorf("%d mistakes:\n%v", n, err)
	}
}
