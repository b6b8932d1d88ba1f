package chat

import (
	"context"

	"github.com/example/switchyard/internal/contract"
)

// Leave is the command to go out of a room.
var Leave = contract.Command[LeaveInput, LeaveOutput]{
	Namespace: Namespace, Event: "leave", Operation: "chat.leave",
	Doc:    "Go out of a room: this socket hears its events no longer.",
	Key:    func(in LeaveInput) string { return roomKey(in.Room) },
	Guards: []contract.Guard[LeaveInput]{staffRooms(func(in LeaveInput) string { return in.Room })},
	Raises: []contract.EventSpec{Left.Spec()},
}

// LeaveInput names the room.
type LeaveInput struct {
	Room string `json:"room" minLength:"1" maxLength:"64"`
}

// LeaveOutput says that the socket is out.
type LeaveOutput struct {
	Room string `json:"room"`
	Left bool   `json:"left"`
}

func (s *Service) leave(ctx context.Context, in LeaveInput) (LeaveOutput, []contract.Effect, error) {
	user, at := caller(ctx)
	return LeaveOutput{Room: in.Room, Left: true}, []contract.Effect{
		contract.Leave(contract.Room(in.Room)),
		Left.Of(Member{Room: in.Room, User: user, At: at}),
	}, nil
}
