package chat

import (
	"context"
	"fmt"
	"slices"

	"github.com/example/switchyard/internal/contract"
)

// Members is the command to see who is in a room.
var Members = contract.Command[MembersInput, MembersOutput]{
	Namespace: Namespace, Event: "members", Operation: "chat.members",
	Doc:    "See who is in a room, on all nodes.",
	Key:    func(in MembersInput) string { return roomKey(in.Room) },
	Guards: []contract.Guard[MembersInput]{staffRooms(func(in MembersInput) string { return in.Room })},
}

// MembersInput names the room.
type MembersInput struct {
	Room string `json:"room" minLength:"1" maxLength:"64"`
}

// MembersOutput says who is there.
type MembersOutput struct {
	Room    string   `json:"room"`
	Members []string `json:"members" doc:"Users, each once, in the order of their names."`
	Partial bool     `json:"partial" doc:"There may be others: a node did not answer, or there are too many."`
}

func (s *Service) members(ctx context.Context, in MembersInput) (MembersOutput, []contract.Effect, error) {
	found, err := s.sockets.List(ctx, Namespace, contract.InRoom(contract.Room(in.Room)))
	if err != nil {
		return MembersOutput{}, nil, fmt.Errorf("see who is in the room: %w", err)
	}
	users := make([]string, 0, len(found.Sockets))
	for _, socket := range found.Sockets {
		users = append(users, socket.User)
	}
	slices.Sort(users)
	return MembersOutput{
		Room: in.Room, Members: slices.Compact(users), Partial: found.More > 0 || len(found.Missing) > 0,
	}, nil, nil
}
