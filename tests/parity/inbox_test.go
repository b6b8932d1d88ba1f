package parity

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/siotest"
)

// A letter is for one user, who may be away.
type letter struct {
	ID   string `json:"id"`
	To   string `json:"to"`
	Text string `json:"text"`
}

type posting struct {
	To   string `json:"to"`
	Text string `json:"text"`
}

type since struct {
	After string `json:"after" doc:"Id of the last letter that this device has."`
}

type letters struct {
	Letters []letter `json:"letters"`
}

var (
	post    = contract.Namespace{Name: "/post", Doc: "A post office."}
	arrived = contract.Event[letter]{
		Namespace: post, Name: "arrived", Doc: "A letter has come.", Keep: 100,
	}
	send = contract.Command[posting, contract.None]{
		Namespace: post, Event: "send", Operation: "post.send", Doc: "Send a letter.",
		Key:    func(in posting) string { return "letters of " + in.To },
		Raises: []contract.EventSpec{arrived.Spec()},
	}
	fetch = contract.Command[since, letters]{
		Namespace: post, Event: "fetch", Operation: "post.fetch", Doc: "Fetch what came for the caller after a letter.",
	}
)

// serveSend commits a letter together with its announcement: it outlives the sender, its
// node and the connections of whom it is for.
func serveSend(ctx context.Context, in posting) (contract.None, []contract.Effect, error) {
	return contract.None{}, []contract.Effect{
		arrived.Of(letter{ID: contract.CallerFrom(ctx).Position, To: in.To, Text: in.Text}).ToUser(in.To),
	}, nil
}

// An inbox is an event kept for each user, and a device's place in it the id of the last
// letter that it has: what came while it was away it gets once and in order, from any
// node, and one device's place is nothing to another one.
func TestAnInboxIsAnEventKeptForAUser(t *testing.T) {
	t.Parallel()
	nodes := siotest.Cluster(t, 2, siotest.Workers(1), siotest.Service(func(p siotest.Ports) *contract.Catalog {
		return contract.NewCatalog([]contract.Route{
			send.Handle(serveSend),
			fetch.Handle(func(ctx context.Context, in since) (letters, []contract.Effect, error) {
				after := in.After
				if after == "" {
					after = "0-1" // before all of them
				}
				found, err := arrived.After(ctx, p.History, "letters of "+contract.CallerFrom(ctx).UserID, after, 10)
				return letters{found}, nil, err
			}),
		})
	}))
	bob := nodes[0].Client(t, post, siotest.As("bob"))
	write := func(from, to int) {
		for i := from; i <= to; i++ {
			siotest.Call(t, bob, send, posting{To: "alice", Text: fmt.Sprint(i)})
		}
		siotest.Call(t, bob, send, posting{To: "carol", Text: "not for alice"})
	}
	texts := func(got letters) (all []string) {
		for _, l := range got.Letters {
			all = append(all, l.Text)
		}
		return all
	}
	write(1, 3) // alice is away
	phone := nodes[1].Client(t, post, siotest.As("alice"))
	first := siotest.Call(t, phone, fetch, since{})
	if got := texts(first); !slices.Equal(got, []string{"1", "2", "3"}) {
		t.Fatalf("the phone fetched %q", got)
	}
	write(4, 4)
	last := siotest.Expect(t, phone, arrived)
	phone.Close()
	write(5, 6)
	again := nodes[0].Client(t, post, siotest.As("alice")) // on another node
	if got := texts(siotest.Call(t, again, fetch, since{After: last.ID})); !slices.Equal(got, []string{"5", "6"}) {
		t.Errorf("the phone fetched %q when it was back", got)
	}
	tablet := nodes[1].Client(t, post, siotest.As("alice"))
	if got := texts(siotest.Call(t, tablet, fetch, since{})); len(got) != 6 {
		t.Errorf("the tablet fetched %q", got)
	}
}
