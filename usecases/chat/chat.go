// Package chat is rooms in which people talk, on the namespace /chat.
//
// Rooms are open and need not be created: who knows a name may join, post and read,
// but rooms whose names begin with "staff-" are for callers with the role staff.
// Posting needs no membership. Commands of one room run one after the other, so
// everybody sees its messages in the same order. This package knows no socket and no
// broker. Routes is its table of contents.
package chat

import (
	"context"
	"strings"
	"time"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/fault"
)

// Namespace is where chat lives.
var Namespace = contract.Namespace{
	Name: "/chat", Doc: "Rooms in which people talk.",
	OnDisconnect: "chat.departed",
}

// The events, each to the sockets in its room.
var (
	Posted = contract.Event[Message]{
		Namespace: Namespace, Name: "message.posted",
		Doc:  "A message was posted in a room.",
		To:   func(m Message) []contract.Room { return inRoom(m.Room) },
		Keep: 1000,
	}
	Joined = contract.Event[Member]{
		Namespace: Namespace, Name: "member.joined",
		Doc: "Somebody joined a room.",
		To:  func(m Member) []contract.Room { return inRoom(m.Room) },
	}
	Left = contract.Event[Member]{
		Namespace: Namespace, Name: "member.left",
		Doc: "Somebody left a room, or their connection ended.",
		To:  func(m Member) []contract.Room { return inRoom(m.Room) },
	}
	Typing = contract.Event[Typist]{
		Namespace: Namespace, Name: "user.typing",
		Doc: "Somebody is writing a message. Busy sockets may miss it.",
		To:  func(t Typist) []contract.Room { return inRoom(t.Room) },
	}
)

// A Message is what somebody said in a room.
type Message struct {
	ID       string    `json:"id" doc:"Unique in its room. The same however often the command was tried."`
	Room     string    `json:"room"`
	From     string    `json:"from" doc:"Who said it."`
	Text     string    `json:"text"`
	At       time.Time `json:"at" doc:"When it was accepted."`
	ClientID string    `json:"client_id,omitempty" doc:"What the sender's client called it."`
}

// A Member is somebody who joined or left a room.
type Member struct {
	Room string    `json:"room"`
	User string    `json:"user"`
	At   time.Time `json:"at"`
}

// A Typist is somebody who is writing.
type Typist struct {
	Room string `json:"room"`
	User string `json:"user"`
}

func inRoom(name string) []contract.Room { return []contract.Room{contract.Room(name)} }

// Service serves the commands.
type Service struct {
	history contract.History
	sockets contract.Sockets
}

// New makes the service. It reads what was said from a history, and asks the nodes who is
// in a room.
func New(h contract.History, s contract.Sockets) *Service {
	return &Service{history: h, sockets: s}
}

// Routes lists the commands.
func (s *Service) Routes() []contract.Route {
	return []contract.Route{
		Join.Handle(s.join),
		Leave.Handle(s.leave),
		Post.Handle(s.post),
		Type.Handle(s.typing),
		Read.Handle(s.read),
		Members.Handle(s.members),
		Kick.Handle(s.kick),
		departed.Handle(s.departed),
	}
}

// roomKey orders the commands of one room.
func roomKey(room string) string { return "room " + room }

// staffRooms keeps rooms named staff-… to the staff. It looks at the name alone, so
// that it tells nobody which rooms exist.
func staffRooms[In any](room func(In) string) contract.Guard[In] {
	return contract.Guard[In]{Name: "staff-rooms", Allow: func(c contract.Caller, in In) error {
		if strings.HasPrefix(room(in), "staff-") && !c.HasRole("staff") {
			return fault.New(fault.Forbidden, "this room is for the staff")
		}
		return nil
	}}
}

// caller is who sent the command and when it was accepted.
func caller(ctx context.Context) (user string, at time.Time) {
	c := contract.CallerFrom(ctx)
	return c.UserID, c.Accepted.UTC()
}
