package chat

import (
	"context"

	"github.com/example/switchyard/internal/contract"
)

// Type is the command to tell others that one is writing. Send it without asking
// for an acknowledgement.
var Type = contract.Command[TypingInput, contract.None]{
	Namespace: Namespace, Event: "typing", Operation: "chat.typing",
	Doc:    "Tell the others in a room that you are writing.",
	Key:    func(in TypingInput) string { return roomKey(in.Room) },
	Guards: []contract.Guard[TypingInput]{staffRooms(func(in TypingInput) string { return in.Room })},
	Raises: []contract.EventSpec{Typing.Spec()},
}

// TypingInput names the room.
type TypingInput struct {
	Room string `json:"room" minLength:"1" maxLength:"64"`
}

func (s *Service) typing(ctx context.Context, in TypingInput) (contract.None, []contract.Effect, error) {
	user, _ := caller(ctx)
	return contract.None{}, []contract.Effect{
		Typing.Of(Typist{Room: in.Room, User: user}).ExceptCaller().AsVolatile(),
	}, nil
}
