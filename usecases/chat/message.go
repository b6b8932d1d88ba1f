package chat

import (
	"context"
	"time"

	"github.com/example/switchyard/internal/contract"
)

// Post is the command to say something.
var Post = contract.Command[PostInput, PostOutput]{
	Namespace: Namespace, Event: "message", Operation: "chat.message",
	Doc:            "Say something in a room. Who posts need not be in it.",
	Key:            func(in PostInput) string { return roomKey(in.Room) },
	IdempotencyKey: func(in PostInput) string { return in.ClientID },
	Guards:         []contract.Guard[PostInput]{staffRooms(func(in PostInput) string { return in.Room })},
	Raises:         []contract.EventSpec{Posted.Spec()},
	HTTP:           contract.HTTP{Method: "POST", Path: "/v1/rooms/{room}/messages"},
}

// PostInput is the message.
type PostInput struct {
	Room     string `json:"room" minLength:"1" maxLength:"64" example:"lobby"`
	Text     string `json:"text" minLength:"1" maxLength:"4000" example:"hello"`
	ClientID string `json:"client_id,omitempty" maxLength:"64" doc:"What the client calls this message: the same in each attempt to send it, so that it is sent once."`
}

// PostOutput says under which id the message is kept.
type PostOutput struct {
	ID   string    `json:"id"`
	Room string    `json:"room"`
	At   time.Time `json:"at"`
}

func (s *Service) post(ctx context.Context, in PostInput) (PostOutput, []contract.Effect, error) {
	user, at := caller(ctx)
	m := Message{
		ID:   contract.CallerFrom(ctx).Position, // under which it is kept
		Room: in.Room, From: user, Text: in.Text, At: at, ClientID: in.ClientID,
	}
	return PostOutput{ID: m.ID, Room: m.Room, At: m.At}, []contract.Effect{Posted.Of(m)}, nil
}
