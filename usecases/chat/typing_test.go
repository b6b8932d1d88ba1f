package chat_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/contract/contracttest"
	"github.com/example/switchyard/usecases/chat"
)

func TestTyping(t *testing.T) {
	t.Parallel()
	_, effects, err := contracttest.Call(t, routes(), chat.Type, alice, chat.TypingInput{Room: "lobby"})
	if diff := cmp.Diff([]chat.Typist{{Room: "lobby", User: "alice"}}, contracttest.Emitted(effects, chat.Typing)); err != nil || diff != "" {
		t.Fatalf("%v %s", err, diff)
	}
	m := effects[0].(contract.Emission)
	if !m.Volatile || !m.Audience.ExceptCaller {
		t.Errorf("%+v: must be volatile, and not for the one who types", m)
	}
}
