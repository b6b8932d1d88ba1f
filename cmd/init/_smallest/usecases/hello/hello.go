// Package hello is greetings in rooms, on the namespace /hello: a command and an event to
// begin from. It keeps nothing. Routes is its table of contents.
package hello

import "github.com/example/switchyard/internal/contract"

// Namespace is where greetings are said.
var Namespace = contract.Namespace{Name: "/hello", Doc: "Where people greet each other."}

// The events, each to the sockets in its room.
var (
	Greeted = contract.Event[GreetedPayload]{
		Namespace: Namespace, Name: "room.greeted",
		Doc: "Somebody greets the room.",
		To:  func(p GreetedPayload) []contract.Room { return []contract.Room{contract.Room(p.Room)} },
	}
)

// GreetedPayload says who greets, and how.
type GreetedPayload struct {
	Room string `json:"room"`
	From string `json:"from" doc:"The user."`
	Text string `json:"text"`
}

// Service serves the commands.
type Service struct{}

// New makes the service. What it needs, its parameters say as interfaces; wire finds them.
func New() *Service { return &Service{} }

// Routes lists the commands.
func (s *Service) Routes() []contract.Route {
	return []contract.Route{
		Greet.Handle(s.greet),
	}
}
