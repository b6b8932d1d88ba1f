package contract_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/example/switchyard/internal/contract"
)

func TestServeRefusesEffectsThatWouldStaySilent(t *testing.T) {
	t.Parallel()
	private := contract.Event[archivedPayload]{Namespace: boards, Name: "board.noted", Doc: "A note."}
	serve := func(c contract.Command[archiveInput, archiveOutput], e contract.Effect) error {
		_, err := c.Handle(func(context.Context, archiveInput) (archiveOutput, []contract.Effect, error) {
			return archiveOutput{}, []contract.Effect{e}, nil
		}).Serve(t.Context(), []byte(`{"board_id":"b1"}`))
		return err
	}
	if err := serve(archive, private.Of(archivedPayload{}).ToCaller()); err == nil || !strings.Contains(err.Error(), "boards.archive emitted board.noted, which its Raises does not list") {
		t.Errorf("undeclared: %v", err)
	}
	both := archive
	both.Raises = append(both.Raises, private.Spec())
	if err := serve(both, private.Of(archivedPayload{})); err == nil || !strings.Contains(err.Error(), "to nobody") {
		t.Errorf("no audience: %v", err)
	}
	for name, m := range map[string]contract.Emission{
		"caller": private.Of(archivedPayload{}).ToCaller(), "user": private.Of(archivedPayload{}).ToUser("u"),
		"room": private.Of(archivedPayload{}).To("r"), "everyone": private.Of(archivedPayload{}).ToEveryone(),
	} {
		if err := serve(both, m); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

type even struct {
	N int `json:"n"`
}

func (e even) Validate() error {
	if e.N%2 != 0 {
		return errors.New("n must be even")
	}
	return nil
}

// A span checks itself by a method of its pointer.
type span struct {
	From int `json:"from"`
	To   int `json:"to"`
}

func (s *span) Validate() error {
	if s.From > s.To {
		return errors.New("from is after to")
	}
	return nil
}

func TestAdmitAsksThePointer(t *testing.T) {
	t.Parallel()
	r := contract.Command[span, contract.None]{Namespace: boards, Event: "span", Operation: "boards.span"}.Handle(nil)
	var rule *contract.InputError
	if _, err := r.Admit(contract.Caller{}, []byte(`{"from":2,"to":1}`)); !errors.As(err, &rule) || rule.Error() != "from is after to" {
		t.Errorf("%v", err)
	}
	if _, err := r.Admit(contract.Caller{}, []byte(`{"from":1,"to":2}`)); err != nil {
		t.Error(err)
	}
}

func TestAdmit(t *testing.T) {
	t.Parallel()
	refused := errors.New("refused")
	r := contract.Command[even, contract.None]{
		Namespace: boards, Event: "even", Operation: "boards.even",
		Key:            func(in even) string { return strings.Repeat("k", in.N) },
		IdempotencyKey: func(even) string { return "attempt" },
		Guards: []contract.Guard[even]{{Name: "staff", Allow: func(c contract.Caller, _ even) error {
			if !c.HasRole("staff") {
				return refused
			}
			return nil
		}}},
	}.Handle(nil)
	staff := contract.Caller{Roles: []string{"staff"}}
	a, err := r.Admit(staff, []byte(`{"n":2}`))
	if err != nil || a.Key != "kk" || a.IdempotencyKey != "attempt" {
		t.Errorf("%+v %v", a, err)
	}
	var rule *contract.InputError
	if _, err := r.Admit(staff, []byte(`{"n":1}`)); !errors.As(err, &rule) || rule.Error() != "n must be even" {
		t.Errorf("broken rule: %v", err)
	}
	if _, err := r.Admit(staff, []byte(`{"n":"x"}`)); !errors.As(err, &rule) {
		t.Errorf("does not decode: %v", err)
	}
	if _, err := r.Admit(contract.Caller{}, []byte(`{"n":2}`)); !errors.Is(err, refused) {
		t.Errorf("guard: %v", err)
	}
}

func TestEmissionMethodsReturnCopies(t *testing.T) {
	t.Parallel()
	base := archived.Of(archivedPayload{BoardID: "b1"})
	a, b := base.To("a"), base.To("b")
	if a.Audience.Rooms[1] != "a" || b.Audience.Rooms[1] != "b" || len(base.Audience.Rooms) != 1 {
		t.Errorf("%v %v %v", base.Audience.Rooms, a.Audience.Rooms, b.Audience.Rooms)
	}
}

// OpenAPI takes paths that differ by the names in braces alone for one that is there twice.
func TestOnePathHasOneSetOfNames(t *testing.T) {
	t.Parallel()
	check := func(method, path string) error {
		route := func(verb, method, path string) contract.Route {
			return contract.Command[archiveInput, contract.None]{
				Namespace: boards, Event: verb, Operation: "board." + verb, Doc: "Do.", HTTP: contract.HTTP{Method: method, Path: path},
			}.Handle(func(context.Context, archiveInput) (none contract.None, _ []contract.Effect, err error) {
				return none, nil, nil
			})
		}
		return contract.NewCatalog([]contract.Route{
			route("show", "GET", "/v1/boards/{board_id}/lines/{line}"), route("change", method, path),
		}).Check()
	}
	for _, path := range []string{"/v1/boards/{board_id}/lines/{line}", "/v1/boards/{board_id}/lines/last", "/v1/boards/{board}"} {
		if err := check("PATCH", path); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	err := check("PATCH", "/v1/boards/{id}/lines/{line}")
	want := `command "board.change": the HTTP path /v1/boards/{id}/lines/{line} differs from /v1/boards/{board_id}/lines/{line} of command "board.show" by the names in braces alone: give them the same names`
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	if err := check("GET", "/v1/boards/{id}/lines/{line}"); err == nil || !strings.Contains(err.Error(), "is taken by") {
		t.Errorf("got %v", err)
	}
}
