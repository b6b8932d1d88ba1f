package client

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/example/switchyard/internal/fault"
)

// What can go wrong, for errors.Is. An answer that is a problem is none of them but a
// *fault.Fault: errors.Is(err, fault.New(fault.NotFound, "")).
var (
	// ErrUnreachable: no connection could be made; what was to be sent was not sent.
	ErrUnreachable = errors.New("the server cannot be reached")
	// ErrRefused: the server does not let this client into the namespace. See Refusal.
	ErrRefused = errors.New("the server refused the connection")
	// ErrBadNamespace: the server has no such namespace, the declaration belongs to
	// another one, or the connection has a client for it already.
	ErrBadNamespace = errors.New("not a namespace for this")
	// ErrTimeout: there was no answer in time. Whether a call has happened is not known,
	// unless the error is ErrNotSent too.
	ErrTimeout = errors.New("no answer in time")
	// ErrNotSent: the server has heard nothing of it; another attempt is safe.
	ErrNotSent = errors.New("nothing was sent")
	// ErrDisconnected: the connection was lost. Whether a call has happened is not known.
	ErrDisconnected = errors.New("the connection was lost")
	// ErrEnded: the server has ended the socket (a kick, a token that has expired). The
	// client does not come back by itself: Dial again.
	ErrEnded = errors.New("the server ended the connection")
	// ErrClosed: Close was called.
	ErrClosed = errors.New("the client is closed")
	// ErrOverflow: more events came than were handled or received, see Buffer.
	ErrOverflow = errors.New("more events came than the buffer holds")
	// ErrProtocol: the server said what is not Socket.IO.
	ErrProtocol = errors.New("the server broke the protocol")
	// ErrBadAnswer: an answer or an event is not of its declared type.
	ErrBadAnswer = errors.New("not of the declared type")
	// ErrTooLarge: the server would cut a client that sends so much at once.
	ErrTooLarge = errors.New("larger than the server takes")
)

// A Refusal is why a server does not let a client into a namespace. It is ErrRefused,
// or ErrBadNamespace; if its data is a problem, also that fault.
type Refusal struct {
	Namespace string
	Message   string
	Data      json.RawMessage // nil for none
}

func (r *Refusal) Error() string {
	if err := fault.Of(r.Data); err != nil {
		return fmt.Sprintf("connect to %s: %s: %s", r.Namespace, ErrRefused, err)
	}
	return fmt.Sprintf("connect to %s: %s: %s", r.Namespace, ErrRefused, r.Message)
}

// Unwrap makes errors.Is and errors.As see what the refusal means.
func (r *Refusal) Unwrap() []error {
	if r.Message == invalidNamespace {
		return []error{ErrRefused, ErrBadNamespace}
	}
	if err := fault.Of(r.Data); err != nil {
		return []error{ErrRefused, err}
	}
	return []error{ErrRefused}
}

// invalidNamespace is all that Socket.IO's servers say of a namespace that they lack.
const invalidNamespace = "Invalid namespace"

// mayPass tells refusals that another attempt may find gone: the server's trouble, not
// the client's mistake.
func mayPass(err error) bool {
	var f *fault.Fault
	if !errors.As(err, &f) {
		return !errors.Is(err, ErrRefused)
	}
	switch f.Code {
	case fault.Overloaded, fault.Unavailable, fault.Timeout, fault.Exhausted, fault.Internal:
		return true
	}
	return false
}
