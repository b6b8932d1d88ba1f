package chat

import (
	"context"
	"fmt"
	"slices"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/fault"
)

// Kick is the command to put somebody out of a room.
var Kick = contract.Command[KickInput, KickOutput]{
	Namespace: Namespace, Event: "kick", Operation: "chat.kick",
	Doc:    "Put a user out of a room, with all connections, on whichever nodes they are. For the staff.",
	Key:    func(in KickInput) string { return roomKey(in.Room) },
	Guards: []contract.Guard[KickInput]{{Name: "staff", Allow: staffOnly}},
	Raises: []contract.EventSpec{Left.Spec()},
}

// KickInput says whom, and out of which room.
type KickInput struct {
	Room string `json:"room" minLength:"1" maxLength:"64"`
	User string `json:"user" minLength:"1" maxLength:"128"`
}

// KickOutput says that it was done.
type KickOutput struct {
	Kicked bool `json:"kicked"`
}

func staffOnly(c contract.Caller, _ KickInput) error {
	if !c.HasRole("staff") {
		return fault.New(fault.Forbidden, "only the staff puts somebody out of a room")
	}
	return nil
}

// kick asks the user's sockets for their rooms, which are few, and not the room for its
// members. A node that keeps silent may have others: they are put out as well, since
// every node hears of it.
func (s *Service) kick(ctx context.Context, in KickInput) (KickOutput, []contract.Effect, error) {
	room := contract.Room(in.Room)
	found, err := s.sockets.List(ctx, Namespace, contract.OfUser(in.User))
	if err != nil {
		return KickOutput{}, nil, fmt.Errorf("look for the user: %w", err)
	}
	isIn := slices.ContainsFunc(found.Sockets, func(i contract.SocketInfo) bool { return slices.Contains(i.Rooms, room) })
	if !isIn && len(found.Missing) == 0 && found.More == 0 {
		return KickOutput{}, nil, fault.New(fault.NotFound, "this user is not in the room")
	}
	_, at := caller(ctx)
	return KickOutput{Kicked: true}, []contract.Effect{
		Left.Of(Member{Room: in.Room, User: in.User, At: at}), // who is put out hears it too
		contract.LeaveUser(in.User, room),
	}, nil
}
