package hello

import (
	"context"

	"github.com/example/switchyard/internal/contract"
)

// Greet is the command to enter a room with a greeting.
var Greet = contract.Command[GreetInput, GreetOutput]{
	Namespace: Namespace, Event: "greet", Operation: "hello.greet",
	Doc:    "Greet a room: this socket hears from now on who greets it.",
	Key:    func(in GreetInput) string { return "room " + in.Room }, // commands of one key run in order
	Raises: []contract.EventSpec{Greeted.Spec()},
}

// GreetInput says whom, and how.
type GreetInput struct {
	Room string `json:"room" minLength:"1" maxLength:"64" example:"lobby"`
	Text string `json:"text,omitempty" maxLength:"200" example:"hello"`
}

// GreetOutput says that it was done.
type GreetOutput struct {
	Greeted string `json:"greeted" doc:"The room."`
}

func (s *Service) greet(ctx context.Context, in GreetInput) (GreetOutput, []contract.Effect, error) {
	return GreetOutput{Greeted: in.Room}, []contract.Effect{
		contract.Join(contract.Room(in.Room)),
		Greeted.Of(GreetedPayload{Room: in.Room, From: contract.CallerFrom(ctx).UserID, Text: in.Text}),
	}, nil
}
