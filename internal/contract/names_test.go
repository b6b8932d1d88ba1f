package contract_test

import (
	"context"
	"reflect"
	"strings"
	"testing"

	"github.com/example/switchyard/internal/contract"
)

type (
	JoinRoomInput         struct{}
	HTTPServerDownPayload struct{}
	UserID2Seen           struct{}
	Payload               struct{}
	X                     struct{}
	ABTestInput           struct{}
)

// named is the wire name of an event whose declaration has none.
func named[T any]() string { return contract.Event[T]{Namespace: boards}.Spec().Name }

func TestSnakeCase(t *testing.T) {
	t.Parallel()
	for want, got := range map[string]string{
		"http_server_down": named[HTTPServerDownPayload](), "user_id2_seen": named[UserID2Seen](), "payload": named[Payload](),
		"x": named[X](), "ab_test_input": named[ABTestInput](), "": named[struct{}](),
		"told": contract.Event[X]{Name: "told"}.Spec().Name, "join_room": eventOf[JoinRoomInput](""), "ab_test": eventOf[ABTestInput](""),
		"given": eventOf[X]("given"),
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if got := eventOf[contract.None](""); got != "" {
		t.Errorf("None names %q", got)
	}
}

func eventOf[In any](event string) string {
	return contract.Command[In, contract.None]{Namespace: boards, Event: event, Operation: "boards.x", Doc: "X."}.Handle(nil).Event
}

func TestACommandForAnyOtherEventTakesOther(t *testing.T) {
	t.Parallel()
	check := func(r contract.Route) error {
		r.Serve = func(context.Context, []byte) (contract.Outcome, error) { return contract.Outcome{}, nil }
		return contract.NewCatalog([]contract.Route{r}).Check()
	}
	if err := check(contract.Command[contract.Other, contract.None]{Namespace: boards, Event: contract.AnyOther, Operation: "boards.x", Doc: "X."}.Handle(nil)); err != nil {
		t.Error(err)
	}
	if err := check(contract.Command[X, contract.None]{Namespace: boards, Event: contract.AnyOther, Operation: "boards.x", Doc: "X."}.Handle(nil)); err == nil || !strings.Contains(err.Error(), "contract.Other") {
		t.Error(err)
	}
}

func TestRawIsNotHeldToRaises(t *testing.T) {
	t.Parallel()
	m := contract.Raw(boards, "any", 1, "two")
	if m.Event.Type != nil || !m.Spread || !reflect.DeepEqual(m.Payload, []any{1, "two"}) {
		t.Errorf("%+v", m)
	}
	serve := func(e contract.Effect) error {
		_, err := archive.Handle(func(context.Context, archiveInput) (archiveOutput, []contract.Effect, error) {
			return archiveOutput{}, []contract.Effect{e}, nil
		}).Serve(t.Context(), []byte(`{}`))
		return err
	}
	if err := serve(m.ToCaller()); err != nil {
		t.Error(err)
	}
	if err := serve(m); err == nil || !strings.Contains(err.Error(), "to nobody") {
		t.Error(err)
	}
}

func TestNamesOfTheServiceItselfAreReserved(t *testing.T) {
	t.Parallel()
	ns := contract.Namespace{Name: "/a", Doc: "A."}
	raised := contract.Event[archiveOutput]{Namespace: ns, Name: contract.Refresh, Doc: "Something."}
	asked := contract.Ask[contract.None, contract.None]{Namespace: ns, Name: contract.Refresh, Doc: "A question."}
	c := contract.Command[archiveInput, archiveOutput]{
		Namespace: ns, Event: contract.Refresh, Operation: "a.refresh", Doc: "Take over.",
		Raises: []contract.EventSpec{raised.Spec()}, Asks: []contract.AskSpec{asked.Spec()},
	}
	err := contract.NewCatalog([]contract.Route{c.Handle(func(context.Context, archiveInput) (archiveOutput, []contract.Effect, error) {
		return archiveOutput{}, nil, nil
	})}).Check()
	if err == nil {
		t.Fatal("no mistake")
	}
	for _, want := range []string{
		`command "a.refresh": the event name "auth.refresh" is reserved`, `event "auth.refresh" on /a: the name "auth.refresh" is reserved`,
		`question "auth.refresh" on /a: the name "auth.refresh" is reserved`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v\ndoes not say %s", err, want)
		}
	}
}
