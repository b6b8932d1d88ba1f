package spec_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/schema"
	"github.com/example/switchyard/internal/spec"
)

// A service that declares all that can be declared.

type seat struct {
	Row   string   `json:"row" minLength:"1" maxLength:"3" pattern:"^[A-Z]+$" example:"A"`
	Place *int     `json:"place" minimum:"1" example:"7"`
	Tags  []string `json:"tags,omitempty" maxLength:"8" maxItems:"3" example:"[\"aisle\"]"`
}

type bookInput struct {
	Seat   seat              `json:"seat" doc:"Which one."`
	Beside *seat             `json:"beside,omitempty"`
	Fare   string            `json:"fare" enum:"full|child" example:"full"`
	Notes  map[string]string `json:"notes,omitempty"`
	Photo  []byte            `json:"photo,omitempty"`
	Until  time.Time         `json:"until,omitzero"`
	Extra  any               `json:"extra,omitempty"`
}

// A booked is a union of results, told apart by kind.
type booked struct {
	Kind  string `json:"kind" enum:"seat|waiting"`
	Seat  *seat  `json:"seat,omitempty"`
	Place int    `json:"place,omitempty"`
}

type page[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next,omitempty"`
}

type changed struct {
	Seats map[string]seat `json:"seats"`
	At    time.Time       `json:"at"`
}

// A move is two arguments, and perhaps two others.
type move struct {
	contract.Args
	From  seat            `json:"from"`
	To    seat            `json:"to"`
	Why   contract.Binary `json:"why,omitempty"`
	Until *time.Time      `json:"until,omitempty"`
}

// A doubt is asked about with an argument, and perhaps another, and so are answers.
type doubt struct {
	contract.Args
	Text  string  `json:"text"`
	Hints *[]seat `json:"hints,omitempty"`
}

type certainty struct {
	contract.Args
	Yes  bool   `json:"yes"`
	Note string `json:"note,omitempty"`
}

// A drawing is two arguments.
type drawing struct {
	contract.Args
	Name   string          `json:"name"`
	Pixels contract.Binary `json:"pixels"`
}

type priced struct {
	Cents int `json:"cents" minimum:"0" example:"1200"`
}

type agreed struct {
	Yes bool `json:"yes" example:"true"`
}

func catalog() *contract.Catalog {
	hall := contract.Namespace{Name: "/hall", Doc: "Seats.", OnConnect: "hall.enter", OnDisconnect: "hall.left", Policy: &contract.Policy{
		Connect: []contract.Guard[contract.Connecting]{{Name: "adults", Allow: func(contract.Caller, contract.Connecting) error { return nil }}},
		Guards:  []contract.Guard[contract.Request]{{Name: "open", Allow: func(contract.Caller, contract.Request) error { return nil }}},
		Rates:   []contract.Rate{{Name: "hall", Every: 250 * time.Microsecond, Burst: 40}},
	}}
	desk := hall.Nested(contract.Namespace{Name: "/desk", Doc: "For the staff."})
	seats := contract.Event[changed]{Namespace: hall, Name: "book", Doc: "Seats were booked.", Keep: 10} // named like a command
	noise := contract.Event[json.RawMessage]{Namespace: hall, Name: "noise:any-thing", Doc: "Whatever */ this is."}
	confirm := contract.Ask[priced, agreed]{Namespace: hall, Name: "confirm", Doc: "Is the price right?", Timeout: 2 * time.Second}
	org := contract.Namespace{Name: "/org-{org}/{team}", Doc: "What a team of an organization sees."}
	lobby := contract.Namespace{Name: "/org-{org}", Doc: "What an organization sees; no name with two parts is one of these."}
	office := contract.Namespace{Name: "/org-admin", Doc: "For who runs the organizations; no organization is called that."}
	others := contract.Namespace{Name: "*", Doc: "Where clients are that name anything else."}
	foyer := contract.Namespace{Name: "/", Doc: "Where clients are that name no namespace."}
	opened := contract.Event[agreed]{Namespace: foyer, Name: "doors.opened", Doc: "The doors are open."}
	sure := contract.Ask[doubt, certainty]{Namespace: org, Name: "sure", Doc: "Are you sure?"}
	moved := contract.Event[move]{Namespace: org, Name: "moved", Doc: "Somebody has moved."}
	drawn := contract.Event[drawing]{Namespace: org, Name: "drawn", Doc: "Somebody has drawn something."}
	c := contract.NewCatalog([]contract.Route{
		handle(contract.Command[move, drawing]{Namespace: org, Event: "move", Operation: "org.move", Doc: "Move, and get a drawing.",
			Raises: []contract.EventSpec{drawn.Spec(), moved.Spec()}, Asks: []contract.AskSpec{sure.Spec()}}),
		booking[bookInput, booked](contract.HTTP{Method: "PUT", Path: "/v1/hall/{fare}"}, seats.Spec(), confirm.Spec()),
		handle(contract.Command[contract.None, page[seat]]{Namespace: hall, Event: "seats", Operation: "hall.seats", Doc: "All seats.", Timeout: time.Second,
			HTTP: contract.HTTP{Method: "GET", Path: "/v1/hall"}}),
		handle(contract.Command[contract.Other, contract.None]{Namespace: hall, Event: contract.AnyOther, Operation: "hall.other", Doc: "Anything.", Raises: []contract.EventSpec{noise.Spec()}}),
		handle(contract.Command[contract.None, agreed]{Namespace: foyer, Event: "ring", Operation: "foyer.ring", Doc: "Ring.", Raises: []contract.EventSpec{opened.Spec()}}),
		handle(contract.Command[contract.None, contract.None]{Namespace: desk, Event: "close", Operation: "desk.close", Doc: "Close."}),
		handle(contract.Command[contract.None, agreed]{Namespace: others, Event: "wander", Operation: "others.wander", Doc: "Wander."}),
		handle(contract.Command[contract.None, agreed]{Namespace: lobby, Event: "greet", Operation: "lobby.greet", Doc: "Greet."}),
		handle(contract.Command[contract.None, agreed]{Namespace: office, Event: "found", Operation: "office.found", Doc: "Found an organization."}),
		handle(contract.Command[contract.Connecting, contract.None]{Namespace: hall, Operation: "hall.enter", Internal: true, Doc: "Let somebody in."}),
		handle(contract.Command[contract.Disconnected, contract.None]{Namespace: hall, Operation: "hall.left", Internal: true, Doc: "Somebody went.",
			Key: func(contract.Disconnected) string { return "hall" }, Raises: []contract.EventSpec{seats.Spec()}}),
	})
	c.Title, c.Version = "Hall", "1.2.0"
	return c
}

func booking[In, Out any](h contract.HTTP, raises contract.EventSpec, asks contract.AskSpec) contract.Route {
	return handle(contract.Command[In, Out]{
		Namespace: raises.Namespace, Event: "book", Operation: "hall.book", Doc: "Book a seat.", HTTP: h,
		Key: func(In) string { return "hall" }, IdempotencyKey: func(In) string { return "" },
		Guards: []contract.Guard[In]{{Name: "sober", Allow: func(contract.Caller, In) error { return nil }}},
		Policy: contract.Policy{Rates: []contract.Rate{{Name: "book", For: "hall.book", Every: 2 * time.Second}}},
		Raises: []contract.EventSpec{raises}, Asks: []contract.AskSpec{asks},
	})
}

func handle[In, Out any](c contract.Command[In, Out]) contract.Route {
	return c.Handle(func(context.Context, In) (out Out, effects []contract.Effect, err error) { return })
}

func compile(t *testing.T, c *contract.Catalog) *schema.Contract {
	t.Helper()
	compiled, err := schema.Compile(c)
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

func document(t *testing.T, c *contract.Catalog) *spec.Document {
	t.Helper()
	d, err := spec.AsyncAPI(compile(t, c), "/socket.io/")
	if err != nil {
		t.Fatal(err)
	}
	return d
}
