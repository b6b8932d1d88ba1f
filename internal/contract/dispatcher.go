package contract

import "context"

// A Dispatcher sends commands that no client has sent: those of a timer, of a feed, of a
// webhook, which the Run of a Hook waits for. wire provides it. A handler returns Submit
// instead, which is committed with all else that it brings about.
//
//	err := d.Dispatch(ctx, contract.Submit(Remind, RemindInput{Day: today}), contract.Caller{UserID: "service:clock"})
type Dispatcher interface {
	// Dispatch puts a command on its lane and returns when it is there. It runs then on any
	// node, however late, and nobody waits for its result. What clients' commands pass on
	// their way, guards, rates and the check of the input, it does not.
	//
	// It is on behalf of by, of whom UserID, Tenant, Roles and Namespace count, the last for
	// a command of a dynamic namespace. A command with an IdempotencyKey runs once for that
	// key and UserID, however many nodes dispatch it; of the service's own that may be a
	// name that no user has. Without one, and without a Key, it is ordered with nothing.
	//
	// Errors, but of an input that is no JSON, are faults: overloaded (the lane has too many commands, or this node too
	// much to send), unavailable (nothing was sent), and timeout: ctx has ended or the
	// connection broke, and whether it was sent is not known.
	Dispatch(ctx context.Context, s Submission, by Caller) error
}
