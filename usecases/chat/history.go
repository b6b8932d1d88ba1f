package chat

import (
	"context"
	"errors"
	"fmt"

	"github.com/example/switchyard/internal/contract"
)

// Read is the command to see what was said. It is ordered by the caller's socket,
// not by the room, so that reading never waits for posting.
var Read = contract.Command[ReadInput, ReadOutput]{
	Namespace: Namespace, Event: "history", Operation: "chat.history",
	Doc:    "Read what was said in a room: the newest messages, or those before or after one.",
	Guards: []contract.Guard[ReadInput]{staffRooms(func(in ReadInput) string { return in.Room })},
	HTTP:   contract.HTTP{Method: "GET", Path: "/v1/rooms/{room}/messages"},
}

// ReadInput asks for one page.
type ReadInput struct {
	Room   string `json:"room" minLength:"1" maxLength:"64"`
	Before string `json:"before,omitempty" maxLength:"64" doc:"Id of a message: the page ends before it. Empty for the newest."`
	After  string `json:"after,omitempty" maxLength:"64" doc:"Id of a message, in place of before: the page begins after it. For what was missed since then."`
	Limit  int    `json:"limit,omitempty" minimum:"1" maximum:"100" doc:"Messages in the page; 50 if not given."`
}

// Validate refuses a page with two ends.
func (in ReadInput) Validate() error {
	if in.Before != "" && in.After != "" {
		return errors.New("give before or after, not both")
	}
	return nil
}

// ReadOutput is one page.
type ReadOutput struct {
	Messages []Message `json:"messages" doc:"The newest last."`
	Next     string    `json:"next,omitempty" doc:"To read on, ask for the page before this id, or after it if this one was; not there when there is no more."`
}

const defaultPage = 50

func (s *Service) read(ctx context.Context, in ReadInput) (ReadOutput, []contract.Effect, error) {
	limit := in.Limit
	if limit == 0 {
		limit = defaultPage
	}
	page, from := Posted.Before, in.Before
	if in.After != "" {
		page, from = Posted.After, in.After
	}
	messages, err := page(ctx, s.history, roomKey(in.Room), from, limit+1) // one more tells whether there is more
	if err != nil {
		return ReadOutput{}, nil, fmt.Errorf("read history: %w", err)
	}
	out := ReadOutput{Messages: messages}
	switch {
	case len(messages) <= limit:
	case in.After != "":
		out.Messages = messages[:limit]
		out.Next = out.Messages[limit-1].ID
	default:
		out.Messages = messages[1:]
		out.Next = out.Messages[0].ID
	}
	if out.Messages == nil {
		out.Messages = []Message{} // an empty list, not null
	}
	return out, nil, nil
}
