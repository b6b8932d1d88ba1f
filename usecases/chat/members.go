package chat

import (
	"cmp"
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
	Room        string `json:"room" minLength:"1" maxLength:"64"`
	Connections bool   `json:"connections,omitempty" doc:"Also tell which nodes serve them, and you."`
}

// MembersOutput says who is there.
type MembersOutput struct {
	Room    string   `json:"room"`
	Members []string `json:"members" doc:"Users, each once, in the order of their names."`
	Partial bool     `json:"partial" doc:"There may be others: a node did not answer, or there are too many."`

	Connections []Connection `json:"connections,omitempty" doc:"If they were asked for: each user and node once, in their order."`
	You         *Connection  `json:"you,omitempty" doc:"Likewise: your own."`
}

// A Connection is a user who has a socket on a node.
type Connection struct {
	User string `json:"user"`
	Node string `json:"node"`
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
	out := MembersOutput{
		Room: in.Room, Members: slices.Compact(users), Partial: found.More > 0 || len(found.Missing) > 0,
	}
	if in.Connections {
		c := contract.CallerFrom(ctx)
		out.Connections, out.You = connections(found.Sockets), &Connection{User: c.UserID, Node: c.Node}
	}
	return out, nil, nil
}

func connections(sockets []contract.SocketInfo) []Connection {
	var all []Connection
	for _, s := range sockets {
		all = append(all, Connection{User: s.User, Node: s.Node})
	}
	slices.SortFunc(all, func(a, b Connection) int {
		return cmp.Or(cmp.Compare(a.User, b.User), cmp.Compare(a.Node, b.Node))
	})
	return slices.Compact(all)
}
