package chat_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/contract/contracttest"
	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/usecases/chat"
)

func TestJoin(t *testing.T) {
	t.Parallel()
	out, effects, err := contracttest.Call(t, routes(), chat.Join, alice, chat.JoinInput{Room: "lobby"})
	if diff := cmp.Diff(chat.JoinOutput{Room: "lobby", Joined: true}, out); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	if diff := cmp.Diff(contract.Join("lobby"), effects[0]); diff != "" {
		t.Error(diff)
	}
	want := []chat.Member{{Room: "lobby", User: "alice", At: alice.Accepted}}
	if diff := cmp.Diff(want, contracttest.Emitted(effects, chat.Joined)); diff != "" {
		t.Error(diff)
	}
}

func TestRoomNamesHaveOneTo64Characters(t *testing.T) {
	t.Parallel()
	for _, room := range []string{"", strings.Repeat("é", 65)} {
		_, _, err := contracttest.Call(t, routes(), chat.Join, alice, chat.JoinInput{Room: room})
		wantFault(t, err, fault.Invalid)
	}
	if _, _, err := contracttest.Call(t, routes(), chat.Join, alice, chat.JoinInput{Room: strings.Repeat("é", 64)}); err != nil {
		t.Error(err)
	}
}
