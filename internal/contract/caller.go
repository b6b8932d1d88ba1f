package contract

import (
	"context"
	"slices"
	"time"
)

// A Caller is who sent the command being served, and which command it is.
type Caller struct {
	UserID string
	Roles  []string
	Socket string // id of the socket; "" for a REST call
	Node   string // node that holds the socket or the REST call

	Lane      string    // what orders the command: its key, or what stands for it
	CommandID string    // UUID, the same each time the command runs: store idempotently by it; a client's retry has another
	Position  string    // "<ms>-<n>", the same each time, and greater than that of each command of the key before it
	Accepted  time.Time // when the command was accepted, by the clock of Redis
	Deadline  time.Time // when the caller stops waiting; zero for never
}

// HasRole tells whether the caller has a role.
func (c Caller) HasRole(role string) bool { return slices.Contains(c.Roles, role) }

type callerKey struct{}

// WithCaller returns a context that carries c.
func WithCaller(ctx context.Context, c Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// CallerFrom returns the caller of the command being served.
func CallerFrom(ctx context.Context) Caller {
	c, _ := ctx.Value(callerKey{}).(Caller)
	return c
}
