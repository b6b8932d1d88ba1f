package parity

import (
	"context"
	"errors"
	"testing"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/fault"
)

type soldOut struct{ left int }

func (soldOut) Error() string { return "secret: 0 rows" }

// placed is a union of results: which one it is tells its kind.
type placed struct {
	Kind  string `json:"kind" enum:"seat|waiting"`
	Seat  string `json:"seat,omitempty"`
	Place int    `json:"place,omitempty"`
}

// What an error means is said once, for a scope; a result, another result and a problem
// are told apart by kind. All of it crosses the lanes.
func TestMeaningsOfErrorsAndUnionsOfResults(t *testing.T) {
	t.Parallel()
	ns := contract.Namespace{Name: "/hall", Doc: "Seats.", Policy: &contract.Policy{Errors: []contract.ErrorMap{
		contract.OnError(func(_ context.Context, e soldOut) error {
			return fault.New(fault.Conflict, "it is sold out").With(map[string]int{"left": e.left})
		}),
	}}}
	book := contract.Command[text, placed]{Namespace: ns, Event: "book", Operation: "hall.book", Doc: "Book."}
	url := serve(t, 1, routes(book.Handle(func(_ context.Context, in text) (placed, []contract.Effect, error) {
		switch in.Text {
		case "front":
			return placed{Kind: "seat", Seat: "A1"}, nil, nil
		case "back":
			return placed{Kind: "waiting", Place: 7}, nil, nil
		}
		return placed{}, nil, soldOut{left: 3}
	})))[0]
	c := join(t, url, "/hall", `{}`)
	for text, wanted := range map[string]string{"front": `{"kind":"seat","seat":"A1"}`, "back": `{"kind":"waiting","place":7}`} {
		answer := c.Call("/hall", "book", `{"text":"`+text+`"}`)
		if want(t, answer, wanted); fault.Of([]byte(answer)) != nil {
			t.Errorf("%s is no problem", answer)
		}
	}
	var f *fault.Fault
	if answer := c.Call("/hall", "book", `{"text":"any"}`); !errors.As(fault.Of([]byte(answer)), &f) || f.Code != fault.Conflict || f.Context.(map[string]any)["left"] != 3.0 {
		t.Errorf("answered %s", answer)
	}
}
