package contract

import "context"

// A Dispatcher sends commands that no client has sent: those of a timer, of a feed, of a
// webhook, which the Run of a Hook waits for. wire provides it. A handler returns Submit
// instead, which is committed with all else that it brings about.
//
//	err := d.Dispatch(ctx, contract.Submit(Remind, RemindInput{Day: today}), contract.Caller{UserID: "service:clock"})
type Dispatcher interface {
	// Dispatch puts a command on its lane and returns when it is there. It runs on any node,
	// however late, and nobody waits for its result. It is not checked as clients' commands
	// are, by guards, rates and the schema of the input.
	//
	// The command is on behalf of by: its UserID, Tenant and Roles count, its Correlation if
	// a chain goes on, and its Namespace for a command of a dynamic one.
	//
	// A command with an IdempotencyKey runs once for that key and UserID within
	// IDEMPOTENCY_TTL, however many nodes dispatch it. For those of the service itself the
	// UserID may be a name that no user has.
	//
	// An input that is too large (MAX_OUTPUT), or that JSON cannot express, is an error. The
	// others are faults: overloaded (the lane has too many commands, or this node too much
	// to send) and unavailable, when nothing was sent; timeout when that is not known, since
	// ctx has ended or the connection broke.
	Dispatch(ctx context.Context, s Submission, by Caller) error
}
