package chat_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/contract/contracttest"
	"github.com/example/switchyard/usecases/chat"
)

func TestLeave(t *testing.T) {
	t.Parallel()
	out, effects, err := contracttest.Call(t, routes(), chat.Leave, alice, chat.LeaveInput{Room: "lobby"})
	if diff := cmp.Diff(chat.LeaveOutput{Room: "lobby", Left: true}, out); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	if diff := cmp.Diff(contract.Leave("lobby"), effects[0]); diff != "" {
		t.Error(diff)
	}
	want := []chat.Member{{Room: "lobby", User: "alice", At: alice.Accepted}}
	if diff := cmp.Diff(want, contracttest.Emitted(effects, chat.Left)); diff != "" {
		t.Error(diff)
	}
}
