package chat_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/example/switchyard/internal/contract/contracttest"
	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/usecases/chat"
)

func TestMessage(t *testing.T) {
	t.Parallel()
	out, effects, err := contracttest.Call(t, routes(), chat.Post, alice, chat.PostInput{Room: "lobby", Text: "hello", ClientID: "c1"})
	want := chat.Message{ID: alice.Position, Room: "lobby", From: "alice", Text: "hello", At: alice.Accepted, ClientID: "c1"}
	if diff := cmp.Diff(chat.PostOutput{ID: want.ID, Room: "lobby", At: want.At}, out); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	if diff := cmp.Diff([]chat.Message{want}, contracttest.Emitted(effects, chat.Posted)); diff != "" {
		t.Error(diff)
	}
}

func TestTextHasOneTo4000Characters(t *testing.T) {
	t.Parallel()
	for text, ok := range map[string]bool{"": false, strings.Repeat("é", 4000): true, strings.Repeat("é", 4001): false} {
		_, _, err := contracttest.Call(t, routes(), chat.Post, alice, chat.PostInput{Room: "lobby", Text: text})
		if ok && err != nil {
			t.Error(err)
		}
		if !ok {
			wantFault(t, err, fault.Invalid)
		}
	}
}
