package hello_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/contract/contracttest"
	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/usecases/hello"
)

func routes() []contract.Route { return hello.New().Routes() }

var alice = contracttest.Caller("alice")

func TestGreet(t *testing.T) {
	t.Parallel()
	out, effects, err := contracttest.Call(t, routes(), hello.Greet, alice, hello.GreetInput{Room: "lobby", Text: "hello"})
	if diff := cmp.Diff(hello.GreetOutput{Greeted: "lobby"}, out); err != nil || diff != "" {
		t.Fatalf("%v %s", err, diff)
	}
	if diff := cmp.Diff(contract.Join("lobby"), effects[0]); diff != "" {
		t.Error(diff)
	}
	want := []hello.GreetedPayload{{Room: "lobby", From: "alice", Text: "hello"}}
	if diff := cmp.Diff(want, contracttest.Emitted(effects, hello.Greeted)); diff != "" {
		t.Error(diff)
	}
}

func TestARoomHasAName(t *testing.T) {
	t.Parallel()
	_, _, err := contracttest.Call(t, routes(), hello.Greet, alice, hello.GreetInput{})
	if !errors.Is(err, fault.New(fault.Invalid, "")) {
		t.Errorf("got %v", err)
	}
}
