package chat_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/contract/contracttest"
	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/usecases/chat"
)

// connected is what the nodes say of their sockets.
type connected struct {
	contract.Sockets // what is not used
	listing          contract.Listing
	err              error
	asked            []contract.Who
}

func (c *connected) List(_ context.Context, n contract.Namespace, who contract.Who) (contract.Listing, error) {
	c.asked = append(c.asked, who)
	return c.listing, c.err
}

func socketOf(user string, rooms ...contract.Room) contract.SocketInfo {
	return contract.SocketInfo{User: user, Rooms: rooms}
}

func TestMembers(t *testing.T) {
	t.Parallel()
	two := []contract.SocketInfo{socketOf("bob", "lobby"), socketOf("alice", "lobby"), socketOf("bob", "lobby")}
	for name, tc := range map[string]struct {
		found contract.Listing
		want  chat.MembersOutput
	}{
		"each once": {contract.Listing{Sockets: two}, chat.MembersOutput{Room: "lobby", Members: []string{"alice", "bob"}}},
		"nobody":    {contract.Listing{}, chat.MembersOutput{Room: "lobby", Members: []string{}}},
		"silence":   {contract.Listing{Missing: []string{"n1"}}, chat.MembersOutput{Room: "lobby", Members: []string{}, Partial: true}},
		"too many":  {contract.Listing{More: 1}, chat.MembersOutput{Room: "lobby", Members: []string{}, Partial: true}},
	} {
		s := &connected{listing: tc.found}
		got, _, err := contracttest.Call(t, chat.New(nil, s).Routes(), chat.Members, alice, chat.MembersInput{Room: "lobby"})
		if diff := cmp.Diff(tc.want, got); err != nil || diff != "" {
			t.Errorf("%s: %v %s", name, err, diff)
		}
		if diff := cmp.Diff([]contract.Who{{Room: "lobby"}}, s.asked); diff != "" {
			t.Errorf("%s: asked %s", name, diff)
		}
	}
	broken := &connected{err: errBroken}
	if _, _, err := contracttest.Call(t, chat.New(nil, broken).Routes(), chat.Members, alice, chat.MembersInput{Room: "lobby"}); !errors.Is(err, errBroken) {
		t.Errorf("got %v", err)
	}
}

func TestMembersWithTheirNodes(t *testing.T) {
	t.Parallel()
	on := func(user, node string) contract.SocketInfo { return contract.SocketInfo{User: user, Node: node} }
	s := &connected{listing: contract.Listing{Sockets: []contract.SocketInfo{on("bob", "n2"), on("bob", "n1"), on("alice", "n2"), on("bob", "n2")}}}
	by := alice
	by.Node = "n2"
	got, _, err := contracttest.Call(t, chat.New(nil, s).Routes(), chat.Members, by, chat.MembersInput{Room: "lobby", Connections: true})
	want := chat.MembersOutput{
		Room: "lobby", Members: []string{"alice", "bob"},
		Connections: []chat.Connection{{User: "alice", Node: "n2"}, {User: "bob", Node: "n1"}, {User: "bob", Node: "n2"}},
		You:         &chat.Connection{User: "alice", Node: "n2"},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
}

func TestKick(t *testing.T) {
	t.Parallel()
	sam := contracttest.Caller("sam", "staff")
	in := chat.KickInput{Room: "lobby", User: "bob"}
	kick := func(by contract.Caller, l contract.Listing) ([]contract.Effect, error) {
		s := &connected{listing: l}
		_, effects, err := contracttest.Call(t, chat.New(nil, s).Routes(), chat.Kick, by, in)
		if err == nil && !cmp.Equal(s.asked, []contract.Who{{User: "bob"}}) {
			t.Errorf("asked %v", s.asked)
		}
		return effects, err
	}
	there := contract.Listing{Sockets: []contract.SocketInfo{socketOf("bob"), socketOf("bob", "hall", "lobby")}}
	for name, l := range map[string]contract.Listing{"there": there, "perhaps there": {Missing: []string{"n1"}}} {
		effects, err := kick(sam, l)
		want := []chat.Member{{Room: "lobby", User: "bob", At: sam.Accepted}}
		if diff := cmp.Diff(want, contracttest.Emitted(effects, chat.Left)); err != nil || diff != "" {
			t.Errorf("%s: %v %s", name, err, diff)
		}
		if diff := cmp.Diff(contract.LeaveUser("bob", "lobby"), effects[len(effects)-1]); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	_, err := kick(sam, contract.Listing{Sockets: []contract.SocketInfo{socketOf("bob", "hall")}})
	wantFault(t, err, fault.NotFound)
	_, err = kick(alice, there)
	wantFault(t, err, fault.Forbidden)
}
