package chat_test

import (
	"context"
	"errors"
	"testing"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/contract/contracttest"
	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/usecases/chat"
)

// routes are those of a service with an empty history.
func routes() []contract.Route { return chat.New(contracttest.NewHistory(), nil).Routes() }

var alice = contracttest.Caller("alice")

func wantFault(t *testing.T, err error, code fault.Code) {
	t.Helper()
	if !errors.Is(err, fault.New(code, "")) {
		t.Errorf("got %v, want %s", err, code)
	}
}

// Every command that lets one into a room or out of it, or be heard in it, is guarded.
func TestStaffRoomsAreForTheStaff(t *testing.T) {
	t.Parallel()
	calls := map[string]func(contract.Caller, string) error{
		"join": func(c contract.Caller, room string) error {
			_, _, err := contracttest.Call(t, routes(), chat.Join, c, chat.JoinInput{Room: room})
			return err
		},
		"leave": func(c contract.Caller, room string) error {
			_, _, err := contracttest.Call(t, routes(), chat.Leave, c, chat.LeaveInput{Room: room})
			return err
		},
		"message": func(c contract.Caller, room string) error {
			_, _, err := contracttest.Call(t, routes(), chat.Post, c, chat.PostInput{Room: room, Text: "x"})
			return err
		},
		"typing": func(c contract.Caller, room string) error {
			_, _, err := contracttest.Call(t, routes(), chat.Type, c, chat.TypingInput{Room: room})
			return err
		},
		"history": func(c contract.Caller, room string) error {
			_, _, err := contracttest.Call(t, routes(), chat.Read, c, chat.ReadInput{Room: room})
			return err
		},
	}
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantFault(t, call(alice, "staff-only"), fault.Forbidden)
			if err := call(contracttest.Caller("sam", "staff"), "staff-only"); err != nil {
				t.Errorf("with the role: %v", err)
			}
			if err := call(alice, "staffroom"); err != nil {
				t.Errorf("a room of another name: %v", err)
			}
		})
	}
}

// brokenHistory fails at everything.
type brokenHistory struct{}

var errBroken = errors.New("broken")

func (brokenHistory) Before(context.Context, contract.EventSpec, string, string, int) ([]contract.Kept, error) {
	return nil, errBroken
}
func (brokenHistory) After(context.Context, contract.EventSpec, string, string, int) ([]contract.Kept, error) {
	return nil, errBroken
}
