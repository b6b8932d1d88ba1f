package chat

import (
	"context"

	"github.com/example/switchyard/internal/contract"
)

// departed is what remains to be done when a socket's connection has ended: it is
// out of its rooms already, and the others are told.
var departed = contract.Command[contract.Departure, contract.None]{
	Namespace: Namespace, Operation: "chat.departed", Internal: true,
	Doc:    "Tell a room that somebody's connection has ended.",
	Key:    func(d contract.Departure) string { return roomKey(string(d.Room)) },
	Raises: []contract.EventSpec{Left.Spec()},
}

func (s *Service) departed(ctx context.Context, d contract.Departure) (contract.None, []contract.Effect, error) {
	user, at := caller(ctx)
	return contract.None{}, []contract.Effect{Left.Of(Member{Room: string(d.Room), User: user, At: at})}, nil
}
