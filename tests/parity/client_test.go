package parity

import (
	"context"
	"errors"
	"testing"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/internal/siotest"
	"github.com/example/switchyard/internal/testenv"
	"github.com/example/switchyard/transport/socketio/client"
)

// A seller is the client's side of a namespace: its handlers are the methods of a type.
type seller struct {
	sold chan string
}

func (s *seller) handlers(c *client.Client) {
	client.On(c, sold, func(x text) { s.sold <- x.Text })
	client.Answer(c, offer, s.decide)
}

func (s *seller) decide(_ context.Context, q text) (text, error) {
	if q.Text == "too little" {
		return text{}, fault.New(fault.Conflict, "not for that")
	}
	return text{"yes: " + q.Text}, nil
}

var (
	market = contract.Namespace{Name: "/market", Doc: "Things are sold here."}
	sold   = contract.Event[text]{Namespace: market, Name: "sold", Doc: "A thing was sold."}
	offer  = contract.Ask[text, text]{Namespace: market, Name: "offer", Doc: "Do you sell for that?"}
)

type bid struct {
	To   string `json:"to" doc:"A socket."`
	Text string `json:"text"`
}

// Questions, events, results and problems, declared once, with the typed client on both
// sides and the handler on a third node.
func TestTheTypedClientSpeaksTheContract(t *testing.T) {
	t.Parallel()
	buy := contract.Command[bid, placed]{Namespace: market, Event: "buy", Operation: "market.buy", Doc: "Bid.",
		Asks: []contract.AskSpec{offer.Spec()}, Raises: []contract.EventSpec{sold.Spec()}}
	nodes := siotest.Cluster(t, 2, siotest.Workers(1), siotest.Service(func(p siotest.Ports) *contract.Catalog {
		return contract.NewCatalog([]contract.Route{buy.Handle(func(ctx context.Context, in bid) (placed, []contract.Effect, error) {
			answer, err := offer.Call(ctx, p.Sockets, in.To, text{in.Text})
			if errors.Is(err, contract.ErrRefused) {
				return placed{Kind: "waiting", Place: 1}, nil, nil
			}
			if err != nil {
				return placed{}, nil, err
			}
			return placed{Kind: "seat", Seat: answer.Text}, []contract.Effect{sold.Of(text{in.Text}).ToSocket(in.To)}, nil
		})})
	}))
	ctx, cancel := context.WithTimeout(t.Context(), 20*testenv.Late)
	defer cancel()
	s := &seller{sold: make(chan string, 1)}
	alice := nodes[0].Client(t, market, client.Handlers(s.handlers))
	bob := nodes[1].Client(t, market)

	for price, wanted := range map[string]placed{"enough": {Kind: "seat", Seat: "yes: enough"}, "too little": {Kind: "waiting", Place: 1}} {
		if got := siotest.Call(t, bob, buy, bid{alice.ID(), price}); got != wanted {
			t.Errorf("%s: %+v", price, got)
		}
	}
	select {
	case what := <-s.sold:
		want(t, what, "enough")
	case <-ctx.Done():
		t.Error("nothing was sold")
	}
	siotest.Refused(t, bob, buy, bid{"nobody", "enough"}, fault.NotFound)
	if got, err := client.CallAs[placed](ctx, bob, "buy", map[string]string{"to": alice.ID(), "text": "too little"}); err != nil || got.Kind != "waiting" {
		t.Errorf("by name: %+v %v", got, err)
	}
	raw, err := bob.CallRaw(ctx, "buy", 7)
	if err != nil || len(raw.Args) != 1 || !errors.Is(fault.Of(raw.Args[0]), fault.New(fault.Invalid, "")) {
		t.Errorf("untyped: %+v %v", raw, err)
	}
}
