package contract_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/example/switchyard/internal/contract"
)

type (
	deskNote  struct{ Text string }
	deskReply struct{ By string }
)

func deskCommand(operation string) contract.Command[deskNote, deskReply] {
	return contract.Command[deskNote, deskReply]{Namespace: boards, Event: strings.TrimPrefix(operation, "desk."), Operation: operation, Doc: "Do."}
}

// A desk answers with the name of the method that was called.
type desk struct{ name string }

func (d *desk) Open(context.Context, deskNote) (deskReply, []contract.Effect, error) {
	return deskReply{By: d.name + " Open"}, nil, nil
}

func (d *desk) TakeNote(context.Context, deskNote) (deskReply, []contract.Effect, error) {
	return deskReply{By: d.name + " TakeNote"}, nil, nil
}

func (d *desk) Routes() []contract.Route { // no handler, and so not in the way
	return contract.Methods(d, deskCommand("desk.open"), deskCommand("desk.take_note"))
}

func served(t *testing.T, r contract.Route) string {
	t.Helper()
	out, err := r.Serve(t.Context(), []byte(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	return r.Event + " " + string(out.Output)
}

func TestMethodsAreFoundByTheNameOfTheOperation(t *testing.T) {
	t.Parallel()
	routes := (&desk{"front"}).Routes()
	if got := served(t, routes[0]); got != `open {"By":"front Open"}` {
		t.Error(got)
	}
	if got := served(t, routes[1]); got != `take_note {"By":"front TakeNote"}` {
		t.Error(got)
	}
	if err := contract.NewCatalog(routes).Check(); err != nil {
		t.Error(err)
	}
	for _, event := range []string{"desk:open", ""} {
		open := deskCommand("desk.open")
		open.Event = event
		if r := contract.Methods(&desk{}, open, deskCommand("desk.take_note"))[0]; r.Event != open.EventName() {
			t.Errorf("clients call %q, and the route is for %q", open.EventName(), r.Event)
		}
	}
}

func TestARouteWinsOverTheMethodOfItsName(t *testing.T) {
	t.Parallel()
	open := deskCommand("desk.open")
	routes := contract.Methods(&desk{}, deskCommand("desk.take_note"), open.Handle(
		func(context.Context, deskNote) (deskReply, []contract.Effect, error) {
			return deskReply{By: "the table"}, nil, nil
		}))
	if got := served(t, routes[1]); got != `open {"By":"the table"}` {
		t.Error(got)
	}
	if err := contract.NewCatalog(routes).Check(); err != nil {
		t.Error(err)
	}
}

// A clumsyDesk has a method that takes another input, and lacks one.
type clumsyDesk struct{ desk }

func (clumsyDesk) TakeNote(context.Context, string) (deskReply, []contract.Effect, error) {
	return deskReply{}, nil, nil
}

func TestMistakesOfMethodsAreToldTogether(t *testing.T) {
	t.Parallel()
	err := contract.NewCatalog(contract.Methods(&clumsyDesk{}, deskCommand("desk.take_note"), deskCommand("desk.close"))).Check()
	for _, want := range []string{
		`command "desk.take_note": the method TakeNote of *contract_test.clumsyDesk is a func(context.Context, string) (contract_test.deskReply, []contract.Effect, error); it must be TakeNote(context.Context, contract_test.deskNote) (contract_test.deskReply, []contract.Effect, error)`,
		`command "desk.close": *contract_test.clumsyDesk has no method Close; it must be Close(context.Context, contract_test.deskNote) (contract_test.deskReply, []contract.Effect, error)`,
		`the method Open of *contract_test.clumsyDesk is a handler, and no command of the list is its: add one whose operation ends in ".open"`,
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("not told: %s\nin: %v", want, err)
		}
	}
	for name, routes := range map[string][]contract.Route{
		"no command": contract.Methods(&desk{}), "no service": contract.Methods(nil, deskCommand("desk.open")),
		"a nil pointer's type": contract.Methods((*clumsyDesk)(nil), deskCommand("desk.take_note")),
	} {
		if err := contract.NewCatalog(routes).Check(); err == nil {
			t.Errorf("%s: no mistake", name)
		}
	}
}

// Methods bind commands to a service's methods by name.
func ExampleMethods() {
	for _, r := range contract.Methods(&desk{}, deskCommand("desk.open"), deskCommand("desk.take_note")) {
		fmt.Println(r.Operation, "is called by", r.Event)
	}
	// Output:
	// desk.open is called by open
	// desk.take_note is called by take_note
}
