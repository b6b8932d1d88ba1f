package chat

import (
	"context"

	"github.com/example/switchyard/internal/contract"
)

// Join is the command to enter a room.
var Join = contract.Command[JoinInput, JoinOutput]{
	Namespace: Namespace, Event: "join", Operation: "chat.join",
	Doc:    "Enter a room: this socket hears its events from now on.",
	Key:    func(in JoinInput) string { return roomKey(in.Room) },
	Guards: []contract.Guard[JoinInput]{staffRooms(func(in JoinInput) string { return in.Room })},
	Raises: []contract.EventSpec{Joined.Spec()},
}

// JoinInput names the room.
type JoinInput struct {
	Room string `json:"room" minLength:"1" maxLength:"64" example:"lobby"`
}

// JoinOutput says that the socket is in.
type JoinOutput struct {
	Room   string `json:"room"`
	Joined bool   `json:"joined"`
}

func (s *Service) join(ctx context.Context, in JoinInput) (JoinOutput, []contract.Effect, error) {
	user, at := caller(ctx)
	return JoinOutput{Room: in.Room, Joined: true}, []contract.Effect{
		contract.Join(contract.Room(in.Room)),
		Joined.Of(Member{Room: in.Room, User: user, At: at}),
	}, nil
}
