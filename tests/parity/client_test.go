package parity

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/config"
	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/internal/node"
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
	redis := testenv.Redis(t)
	asker := newAsker(t, redis)
	buy := contract.Command[bid, placed]{Namespace: market, Event: "buy", Operation: "market.buy", Doc: "Bid.",
		Asks: []contract.AskSpec{offer.Spec()}, Raises: []contract.EventSpec{sold.Spec()}}
	catalog := routes(buy.Handle(func(ctx context.Context, in bid) (placed, []contract.Effect, error) {
		answer, err := offer.Call(ctx, asker, in.To, text{in.Text})
		if errors.Is(err, contract.ErrRefused) {
			return placed{Kind: "waiting", Place: 1}, nil, nil
		}
		if err != nil {
			return placed{}, nil, err
		}
		return placed{Kind: "seat", Seat: answer.Text}, []contract.Effect{sold.Of(text{in.Text}).ToSocket(in.To)}, nil
	}))
	start(t, redis, "worker", "worker", catalog())
	urls := []string{start(t, redis, "gateway", "one", catalog()), start(t, redis, "gateway", "two", catalog())}
	ctx, cancel := context.WithTimeout(t.Context(), 20*testenv.Late)
	defer cancel()
	s := &seller{sold: make(chan string, 1)}
	alice, err := client.Dial(ctx, urls[0], market, client.Handlers(s.handlers))
	if err != nil {
		t.Fatal(err)
	}
	defer alice.Close()
	bob, err := client.Dial(ctx, urls[1], market)
	if err != nil {
		t.Fatal(err)
	}
	defer bob.Close()

	for price, wanted := range map[string]placed{"enough": {Kind: "seat", Seat: "yes: enough"}, "too little": {Kind: "waiting", Place: 1}} {
		if got, err := client.Call(ctx, bob, buy, bid{alice.ID(), price}); err != nil || got != wanted {
			t.Errorf("%s: %+v %v", price, got, err)
		}
	}
	select {
	case what := <-s.sold:
		want(t, what, "enough")
	case <-ctx.Done():
		t.Error("nothing was sold")
	}
	_, err = client.Call(ctx, bob, buy, bid{"nobody", "enough"})
	if !errors.Is(err, fault.New(fault.NotFound, "")) {
		t.Errorf("a problem: %v", err)
	}
	if got, err := client.CallAs[placed](ctx, bob, "buy", map[string]string{"to": alice.ID(), "text": "too little"}); err != nil || got.Kind != "waiting" {
		t.Errorf("by name: %+v %v", got, err)
	}
	raw, err := bob.CallRaw(ctx, "buy", 7)
	if err != nil || len(raw.Args) != 1 || !errors.Is(fault.Of(raw.Args[0]), fault.New(fault.Invalid, "")) {
		t.Errorf("untyped: %+v %v", raw, err)
	}
}

// newAsker is what wire gives to use cases.
func newAsker(t *testing.T, redis string) contract.Sockets {
	t.Helper()
	cfg, log := config.Config{RedisURL: redis, NodeID: "asker", Partitions: 4}, slog.New(slog.DiscardHandler)
	conn, closeRedis, err := node.OpenRedis(t.Context(), cfg, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(closeRedis)
	lanes, err := node.NewLanes(node.LanesConfig(cfg), conn, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = lanes.Close() })
	return broker.NewAsker(lanes)
}
