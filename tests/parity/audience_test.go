package parity

import (
	"context"
	"strings"
	"testing"

	"github.com/example/switchyard/internal/config"
	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/internal/rawsio"
	"github.com/example/switchyard/internal/siotest"
	"github.com/example/switchyard/internal/testenv"
)

// An order tells the town crier what to cry, and to whom.
type order struct {
	To   string   `json:"to"`
	IDs  []string `json:"ids,omitempty"`
	Text string   `json:"text"`
}

var (
	town  = contract.Namespace{Name: "/town", Doc: "A town."}
	cried = contract.Event[text]{Namespace: town, Name: "cried", Doc: "The crier cries."}
	cry   = contract.Command[order, contract.None]{Namespace: town, Event: "cry", Operation: "town.cry", Doc: "Cry.", Raises: []contract.EventSpec{cried.Spec()},
		Key: func(order) string { return "crier" }}
	other = contract.Command[contract.Other, contract.Other]{Namespace: town, Event: contract.AnyOther, Operation: "town.other", Doc: "Say what was said."}
)

func serveCry(_ context.Context, in order) (contract.None, []contract.Effect, error) {
	m := cried.Of(text{Text: in.Text})
	rooms := make([]contract.Room, len(in.IDs))
	for i, id := range in.IDs {
		rooms[i] = contract.Room(id)
	}
	var effects []contract.Effect
	switch in.To {
	case "join":
		return contract.None{}, []contract.Effect{contract.Join(rooms[0])}, nil
	case "close":
		return contract.None{}, []contract.Effect{contract.CloseRoom(rooms[0])}, nil
	case "banish":
		return contract.None{}, []contract.Effect{contract.Disconnect(in.IDs[0], "banished")}, nil
	case "bring":
		return contract.None{}, []contract.Effect{contract.JoinSocket(in.IDs[0], rooms[1])}, nil
	case "send":
		return contract.None{}, []contract.Effect{contract.LeaveSocket(in.IDs[0], rooms[1])}, nil
	case "outlaw":
		return contract.None{}, []contract.Effect{contract.DisconnectUser(in.IDs[0], "outlawed")}, nil
	case "rooms":
		m = m.To(rooms...)
	case "sockets":
		m = m.ToSocket(in.IDs...)
	case "user":
		m = m.ToUser(in.IDs[0])
	case "except":
		m = m.ToEveryone().Except(in.IDs...).ExceptCaller()
	case "local":
		m = m.ToEveryone().Local()
	case "as":
		m = m.ToEveryone().As("whispered")
	case "raw":
		effects = append(effects, contract.Raw(town, "raw", 1, map[string]string{"text": in.Text}, []byte{1, 2}).ToEveryone(), contract.Raw(town, "raw").ToEveryone())
		m = m.ToEveryone()
	default:
		m = m.ToEveryone()
	}
	return contract.None{}, append(effects, m), nil
}

// people are alice and bob on one node, and another of alice's sockets on the other.
func people(t *testing.T, options ...siotest.Option) (alice, bob, away *rawsio.Client, ids []string) {
	t.Helper()
	urls := serve(t, 2, routes(cry.Handle(serveCry), other.Handle(func(_ context.Context, in contract.Other) (contract.Other, []contract.Effect, error) {
		return in, nil, nil
	})), options...)
	alice, bob, away = rawsio.Dial(t, urls[0]), rawsio.Dial(t, urls[0]), rawsio.Dial(t, urls[1])
	return alice, bob, away, []string{
		alice.Connect("/town", `{"user":"alice"}`), bob.Connect("/town", `{"user":"bob"}`), away.Connect("/town", `{"user":"alice"}`),
	}
}

func say(to, text string, ids ...string) string {
	return `{"to":"` + to + `","text":"` + text + `","ids":["` + strings.Join(ids, `","`) + `"]}`
}

// Each audience is heard by those it means, on both nodes, and by nobody else.
func TestAudiencesAcrossNodes(t *testing.T) {
	t.Parallel()
	audiences(t)
}

// The same with another broker between the lanes and the gateways.
func TestAudiencesOverOtherBrokers(t *testing.T) {
	t.Parallel()
	for kind, start := range map[string]func(testing.TB) string{"nats": testenv.NATS, "amqp": testenv.RabbitMQ, "kafka": testenv.Kafka} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			url := start(t)
			audiences(t, siotest.With(func(c *config.Config) { c.Events, c.EventsURL, c.EventsTopic = kind, url, "town" }))
		})
	}
}

func audiences(t *testing.T, options ...siotest.Option) {
	t.Helper()
	alice, bob, away, ids := people(t, options...)
	call := func(c *rawsio.Client, input string) {
		t.Helper()
		want(t, c.Call("/town", "cry", input), `{}`)
	}
	call(away, say("join", "", "north"))
	call(bob, say("join", "", "south"))
	call(bob, say("join", "", "north"))
	call(alice, say("rooms", "1", "north", "south"))
	call(alice, say("sockets", "2", ids[0], ids[2]))
	call(bob, say("user", "3", "alice"))
	call(alice, say("except", "4", ids[1])) // and not the caller
	call(away, say("local", "5"))
	call(bob, say("close", "", "north"))
	call(alice, say("rooms", "6", "north", "south"))
	call(alice, say("bring", "", ids[1], "east"))
	call(alice, say("bring", "", ids[2], "east"))
	call(alice, say("rooms", "7", "east"))
	call(alice, say("send", "", ids[2], "east"))
	call(alice, say("rooms", "8", "east"))
	call(alice, say("all", "9"))
	for name, tc := range map[string]struct {
		c    *rawsio.Client
		want string
	}{"alice": {alice, "2 3 9"}, "bob": {bob, "1 6 7 8 9"}, "away": {away, "1 2 3 4 5 7 9"}} {
		var heard []string
		for len(heard) == 0 || heard[len(heard)-1] != "9" {
			heard = append(heard, strings.TrimSuffix(strings.TrimPrefix(tc.c.Expect("/town", "cried"), `{"text":"`), `"}`))
		}
		want(t, name+" "+strings.Join(heard, " "), name+" "+tc.want)
	}
	call(alice, say("banish", "", ids[2]))
	away.Disconnected("/town")
	away.Forget("/town")
	away.Connect("/town", `{"user":"alice"}`)
	call(bob, say("outlaw", "", "alice"))
	alice.Disconnected("/town")
	away.Disconnected("/town")
}

// An event under another name, one that nobody declared with several arguments, and
// events for which there is no command.
func TestOtherNamesAndUndeclaredEvents(t *testing.T) {
	t.Parallel()
	alice, _, away, _ := people(t)
	want(t, alice.Call("/town", "cry", say("as", "psst")), `{}`)
	want(t, away.Expect("/town", "whispered"), `{"text":"psst"}`)
	want(t, alice.Call("/town", "cry", say("raw", "x")), `{}`)
	want(t, away.Expect("/town", "raw"), `1,{"text":"x"},"AQI="`)
	want(t, away.Expect("/town", "raw"), `null`)
	want(t, alice.Call("/town", "sing", `"la",2`), `{"event":"sing","args":["la",2]}`)
	want(t, alice.Call("/town", "*", `{}`), `{"event":"*","args":[{}]}`)
	wantCode(t, alice.Call("/town", "cry", `{}`), fault.Invalid)
}
