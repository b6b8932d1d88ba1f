package chat

import (
	"context"
	"fmt"

	"github.com/example/switchyard/internal/contract"
)

// Read is the command to see what was said. It is ordered by the caller's socket,
// not by the room, so that reading never waits for posting.
var Read = contract.Command[ReadInput, ReadOutput]{
	Namespace: Namespace, Event: "history", Operation: "chat.history",
	Doc:    "Read what was said in a room: the newest messages, or those before one.",
	Guards: []contract.Guard[ReadInput]{staffRooms(func(in ReadInput) string { return in.Room })},
	HTTP:   contract.HTTP{Method: "GET", Path: "/v1/rooms/{room}/messages"},
}

// ReadInput asks for one page.
type ReadInput struct {
	Room   string `json:"room" minLength:"1" maxLength:"64"`
	Before string `json:"before,omitempty" maxLength:"64" doc:"Id of a message: the page ends before it. Empty for the newest."`
	Limit  int    `json:"limit,omitempty" minimum:"1" maximum:"100" doc:"Messages in the page; 50 if not given."`
}

// ReadOutput is one page.
type ReadOutput struct {
	Messages []Message `json:"messages" doc:"The newest last."`
	Next     string    `json:"next,omitempty" doc:"Ask for the page before this id to read on; not there when nothing is older."`
}

const defaultPage = 50

func (s *Service) read(ctx context.Context, in ReadInput) (ReadOutput, []contract.Effect, error) {
	limit := in.Limit
	if limit == 0 {
		limit = defaultPage
	}
	messages, err := s.history.Before(ctx, in.Room, in.Before, limit+1) // one more tells whether there is more
	if err != nil {
		return ReadOutput{}, nil, fmt.Errorf("read history: %w", err)
	}
	out := ReadOutput{Messages: messages}
	if len(messages) > limit {
		out.Messages = messages[1:]
		out.Next = out.Messages[0].ID
	}
	if out.Messages == nil {
		out.Messages = []Message{} // an empty list, not null
	}
	return out, nil, nil
}
