package contract

import (
	"context"
	"encoding/json"
	"slices"
	"time"
)

// A Caller is who sent the command being served, and which command it is. With the
// context it is in, it is all that a handler, a middleware or a dependency knows of the
// command besides its input.
type Caller struct {
	UserID string // must be unique over all tenants, see docs/auth.md
	Tenant string // what the user belongs to; "" for none
	Roles  []string
	Socket string // id of the socket; "" for a REST call
	Node   string // node that holds the socket or the REST call

	Operation string // of the command being served, "chat.join"; empty at the edge, in guards
	Namespace string // likewise the name of its namespace, "/chat"; of a dynamic one, "/org-7", also in guards

	// Params are what a dynamic namespace's name has in the place of what is in braces:
	// "org" is "7". Nil for others.
	Params map[string]string

	Lane        string    // what orders the command: its key, or what stands for it
	CommandID   string    // UUID, the same each time the command runs: store idempotently by it; a client's retry has another
	Correlation string    // id of the command that began the chain of follow-ups; of the first command its own
	Position    string    // "<ms>-<n>", the same each time, and greater than that of each command of the key before it
	Accepted    time.Time // when the command was accepted, by the clock of Redis
	Deadline    time.Time // when the caller stops waiting; zero for never

	// Session is what the socket's sessions held when the command was accepted, by name:
	// a JSON object, or nothing. Read it with Session.From.
	Session json.RawMessage
}

// HasRole tells whether the caller has a role.
func (c Caller) HasRole(role string) bool { return slices.Contains(c.Roles, role) }

// An execution is the context of one command.
type execution struct {
	context.Context
	caller Caller
	scope  scope
}

type executionKey struct{}

func (e *execution) Value(key any) any {
	if key == (executionKey{}) {
		return e
	}
	return e.Context.Value(key)
}

// WithCaller returns a context that carries c.
func WithCaller(ctx context.Context, c Caller) context.Context {
	return &execution{Context: ctx, caller: c}
}

// CallerFrom returns the caller of the command being served.
func CallerFrom(ctx context.Context) Caller {
	if e, ok := ctx.Value(executionKey{}).(*execution); ok {
		return e.caller
	}
	return Caller{}
}
