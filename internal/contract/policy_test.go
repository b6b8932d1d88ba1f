package contract_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/contract/contracttest"
	"github.com/example/switchyard/internal/fault"
)

// A trail notes what ran, in order.
type trail []string

func (tr *trail) note(s string) { *tr = append(*tr, s) }

func (tr *trail) middleware(name string) contract.Middleware {
	return func(_ contract.Route, next contract.Serve) contract.Serve {
		return func(ctx context.Context, input []byte) (contract.Outcome, error) {
			tr.note(name)
			out, err := next(ctx, input)
			tr.note("after " + name)
			return out, err
		}
	}
}

func (tr *trail) guard(name string) contract.Guard[contract.Request] {
	return contract.Guard[contract.Request]{Name: name, Allow: func(contract.Caller, contract.Request) error {
		tr.note("guard " + name)
		return nil
	}}
}

func (tr *trail) policy(scope string) contract.Policy {
	return contract.Policy{
		Guards:     []contract.Guard[contract.Request]{tr.guard(scope)},
		Middleware: []contract.Middleware{tr.middleware(scope + " 1"), tr.middleware(scope + " 2")},
	}
}

// noting is the archive command with a policy of its own, in a namespace.
func noting(tr *trail, ns contract.Namespace, own contract.Policy) contract.Route {
	c := archive
	c.Namespace, c.Policy = ns, own
	c.Guards = []contract.Guard[archiveInput]{{Name: "input", Allow: func(contract.Caller, archiveInput) error {
		tr.note("guard input")
		return nil
	}}}
	return c.Handle(func(context.Context, archiveInput) (archiveOutput, []contract.Effect, error) {
		tr.note("handler")
		return archiveOutput{Archived: true}, nil, nil
	})
}

func TestPoliciesLieAroundAHandlerInOrder(t *testing.T) {
	t.Parallel()
	var tr trail
	outer, inner := tr.policy("outer"), tr.policy("inner")
	ns := contract.Namespace{Name: "/api", Doc: "API.", Policy: &outer}.Nested(contract.Namespace{Name: "/boards", Doc: "Boards.", Policy: &inner})
	if ns.Name != "/api/boards" {
		t.Errorf("nested as %s", ns.Name)
	}
	catalog := contract.NewCatalog([]contract.Route{noting(&tr, ns, tr.policy("command"))}).Use(tr.policy("service"))
	if err := catalog.Check(); err != nil {
		t.Fatal(err)
	}
	r := catalog.Routes[0]
	if diff := cmp.Diff([]string{"service", "outer", "inner", "command", "input"}, r.Guards); diff != "" {
		t.Error(diff)
	}
	if err := r.Permit(contract.Caller{}, nil); err != nil {
		t.Error(err)
	}
	if _, err := r.Admit(contract.Caller{}, []byte(`{"board_id":"b1"}`)); err != nil {
		t.Error(err)
	}
	if _, err := r.Run(t.Context(), contract.Caller{}, []byte(`{"board_id":"b1"}`)); err != nil {
		t.Error(err)
	}
	want := strings.Split("guard service|guard outer|guard inner|guard command|guard input|"+
		"service 1|service 2|outer 1|outer 2|inner 1|inner 2|command 1|command 2|handler|"+
		"after command 2|after command 1|after inner 2|after inner 1|after outer 2|after outer 1|after service 2|after service 1", "|")
	if diff := cmp.Diff(want, []string(tr)); diff != "" {
		t.Error(diff)
	}
}

func TestWhatNobodyDeclaresIsNotInTheWay(t *testing.T) {
	t.Parallel()
	var asked int
	only := contract.Only("admin.*", func(_ contract.Route, next contract.Serve) contract.Serve {
		asked++
		return next
	})
	r := contract.NewCatalog([]contract.Route{archive.Handle(serveArchive)}).Use(contract.Policy{
		Middleware: []contract.Middleware{only}, Guards: []contract.Guard[contract.Request]{{For: "admin.*"}},
	}).Routes[0]
	if asked != 0 || r.Permit != nil || len(r.Guards) != 0 {
		t.Errorf("asked %d times, guards %v", asked, r.Guards)
	}
}

// A middleware may change the input, the output, or answer in the handler's place.
func TestMiddlewareChangesInputAndOutput(t *testing.T) {
	t.Parallel()
	upper := func(_ contract.Route, next contract.Serve) contract.Serve {
		return func(ctx context.Context, input []byte) (contract.Outcome, error) {
			out, err := next(ctx, []byte(strings.ReplaceAll(string(input), "b1", "b2")))
			out.Output = []byte(`{"archived":false}`)
			return out, err
		}
	}
	c := archive
	c.Policy.Middleware = []contract.Middleware{upper}
	out, effects, err := contracttest.Call(t, []contract.Route{c.Handle(serveArchive)}, c, contract.Caller{}, archiveInput{BoardID: "b1"})
	if err != nil || out.Archived || contracttest.Emitted(effects, archived)[0].BoardID != "b2" {
		t.Errorf("%+v %+v %v", out, effects, err)
	}
	c.Policy.Middleware = []contract.Middleware{func(contract.Route, contract.Serve) contract.Serve {
		return func(context.Context, []byte) (contract.Outcome, error) {
			return contract.Outcome{}, fault.New(fault.Unavailable, "closed for the night")
		}
	}}
	_, _, err = contracttest.Call(t, []contract.Route{c.Handle(serveArchive)}, c, contract.Caller{}, archiveInput{BoardID: "b1"})
	if !errors.Is(err, fault.New(fault.Unavailable, "")) {
		t.Error(err)
	}
}

func staffOnly(operations string, disconnect bool) contract.Guard[contract.Request] {
	return contract.Guard[contract.Request]{Name: "staff", For: operations, Disconnect: disconnect, Allow: func(c contract.Caller, _ contract.Request) error {
		if !c.HasRole("staff") {
			return fault.New(fault.Forbidden, "for the staff only")
		}
		return nil
	}}
}

// The policy of the service refuses by operation, before the input is looked at.
func TestOperationsAreRefusedByPrefixBeforeDispatch(t *testing.T) {
	t.Parallel()
	purge := archive
	purge.Operation, purge.Event = "admin.purge", "purge"
	catalog := contract.NewCatalog([]contract.Route{archive.Handle(serveArchive), purge.Handle(serveArchive)}).
		Use(contract.Policy{Guards: []contract.Guard[contract.Request]{staffOnly("admin.*", true)}})
	plain, staff := catalog.Routes[0], catalog.Routes[1]
	if plain.Permit != nil {
		t.Error("the guard is not for boards.archive")
	}
	var denied *contract.Denial
	if err := staff.Permit(contract.Caller{}, []byte(`not even JSON`)); !errors.As(err, &denied) || !denied.Disconnect || denied.Guard != "staff" || !errors.Is(err, fault.New(fault.Forbidden, "")) {
		t.Errorf("%+v", err)
	}
	if err := staff.Permit(contract.Caller{Roles: []string{"staff"}}, nil); err != nil {
		t.Error(err)
	}
}

func TestGuardsOnConnectGoFromTheServiceInwards(t *testing.T) {
	t.Parallel()
	var tr trail
	on := func(name string) contract.Policy {
		return contract.Policy{Connect: []contract.Guard[contract.Connecting]{{Name: name, Allow: func(c contract.Caller, h contract.Connecting) error {
			tr.note(name)
			if h.Address == name {
				return fault.New(fault.Forbidden, "not from %s", name)
			}
			return nil
		}}}}
	}
	outer, inner := on("outer"), on("inner")
	ns := contract.Namespace{Name: "/api", Doc: "API.", Policy: &outer}.Nested(contract.Namespace{Name: "/boards", Doc: "Boards.", Policy: &inner})
	catalog := contract.NewCatalog([]contract.Route{noting(&tr, ns, contract.Policy{})}).Use(on("service"))
	if err := catalog.MayConnect(ns, contract.Caller{}, contract.Connecting{}); err != nil {
		t.Error(err)
	}
	if err := catalog.MayConnect(ns, contract.Caller{}, contract.Connecting{Address: "outer"}); !errors.Is(err, fault.New(fault.Forbidden, "")) {
		t.Error(err)
	}
	if want := []string{"service", "outer", "inner", "service", "outer"}; !slices.Equal(want, tr) {
		t.Errorf("asked %v", tr)
	}
	if got, want := catalog.ConnectGuards(ns), []string{"service", "outer", "inner"}; !slices.Equal(want, got) {
		t.Errorf("named %v", got)
	}
}

func TestPoliciesWithMistakes(t *testing.T) {
	t.Parallel()
	c := archive
	outer := contract.Namespace{Name: "/outer", Doc: "It has others in it.", Policy: &contract.Policy{Guards: []contract.Guard[contract.Request]{{Name: "outer"}}}}
	c.Namespace = outer.Nested(contract.Namespace{Name: "/inner", Doc: "It is in another.", Policy: &contract.Policy{}})
	c.Policy = contract.Policy{
		Connect:    []contract.Guard[contract.Connecting]{{Name: "late", Allow: func(contract.Caller, contract.Connecting) error { return nil }}},
		Middleware: []contract.Middleware{nil}, Errors: []contract.ErrorMap{nil},
	}
	err := contract.NewCatalog([]contract.Route{c.Handle(serveArchive)}).Use(contract.Policy{
		Connect: []contract.Guard[contract.Connecting]{{Name: "empty"}},
		Guards:  []contract.Guard[contract.Request]{{Name: "hollow"}, staffOnly("amdin.*", false)},
	}).Check()
	for _, want := range []string{
		`the service's policy: the connect guard "empty" must have an Allow`,
		`the service's policy: the guard "hollow" has no Allow`,
		`namespace "/outer/inner": the guard "outer" has no Allow`,
		`the service's policy: the guard "staff" is for amdin.*, which no operation is called`,
		`command "boards.archive": Connect guards are for namespaces and the service`,
		`command "boards.archive": middleware 0 is nil`, `command "boards.archive": meaning 0 of errors is nil`,
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("not told: %s\nin %v", want, err)
		}
	}
}

// Another decoder of the input changes nothing of what lies around the handler.
func TestPoliciesStayAroundAHandlerThatDecodesOtherwise(t *testing.T) {
	t.Parallel()
	var tr trail
	ns := contract.Namespace{Name: "/boards", Doc: "Boards."}
	r := contract.NewCatalog([]contract.Route{noting(&tr, ns, tr.policy("command"))}).Use(tr.policy("service")).Routes[0].
		DecodedBy(json.Unmarshal, json.Unmarshal)
	if _, err := r.Run(t.Context(), contract.Caller{}, []byte(`{}`)); err != nil {
		t.Error(err)
	}
	want := strings.Split("service 1|service 2|command 1|command 2|handler|after command 2|after command 1|after service 2|after service 1", "|")
	if diff := cmp.Diff(want, []string(tr)); diff != "" {
		t.Error(diff)
	}
}
