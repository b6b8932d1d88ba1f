package siotest_test

import (
	"context"
	"sync"
	"testing"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/siotest"
)

// A handler finds what the commands before it of its key have brought about: what is kept
// of their events, and their sockets in the rooms.
func TestAHandlerSeesWhatItsKeyHasBroughtAbout(t *testing.T) {
	t.Parallel()
	type number struct {
		N int `json:"n"`
	}
	hall := contract.Namespace{Name: "/hall", Doc: "A hall."}
	entered := contract.Event[number]{Namespace: hall, Name: "entered", Doc: "Somebody has entered.", Keep: 1000}
	enter := contract.Command[struct{}, number]{
		Namespace: hall, Event: "enter", Operation: "hall.enter", Doc: "Enter.", Raises: []contract.EventSpec{entered.Spec()},
		Key: func(struct{}) string { return "hall" },
	}
	nodes := siotest.Cluster(t, 2, siotest.Service(func(p siotest.Ports) *contract.Catalog {
		return contract.NewCatalog([]contract.Route{
			enter.Handle(func(ctx context.Context, _ struct{}) (number, []contract.Effect, error) {
				before, err := entered.Before(ctx, p.History, "hall", "", 1000)
				if err != nil {
					return number{}, nil, err
				}
				inside, err := p.Sockets.Count(ctx, hall, contract.InRoom("hall"))
				if err != nil {
					return number{}, nil, err
				}
				if inside.Sockets != len(before) || len(inside.Missing) > 0 {
					t.Errorf("%d have entered, and inside are %+v", len(before), inside)
				}
				return number{len(before)}, []contract.Effect{contract.Join("hall"), entered.Of(number{len(before)}).ToEveryone()}, nil
			}),
		})
	}))
	const guests = 40
	witness := nodes[1].Client(t, hall)
	var all sync.WaitGroup
	for i := range guests {
		c := nodes[i%2].Client(t, hall)
		all.Go(func() { siotest.Call(t, c, enter, struct{}{}) })
	}
	for i := range guests {
		if got := siotest.Expect(t, witness, entered); got.N != i {
			t.Fatalf("heard %d after %d", got.N, i-1)
		}
	}
	all.Wait()
}
