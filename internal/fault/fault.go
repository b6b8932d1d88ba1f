// Package fault is the closed list of answers that are not a result.
//
// A fault is an answer: the command completes, is never retried, and the client
// gets the fault as an RFC 9457 problem. Any other error is an accident: the
// client sees only "internal" and the command's id, the log has the rest.
//
// Use cases return fault.New(fault.NotFound, "board %s does not exist", id).
// Wrap an accident that may pass by itself with Transient; only that is retried.
// This package never logs and never looks at a transport. Start at Code.
package fault

import (
	"errors"
	"fmt"
	"net/http"
	"time"
)

// A Code names a fault on the wire. The list is closed and append-only.
type Code string

// The codes, with the HTTP status each one has.
const (
	Invalid         Code = "invalid"         // 400: the input breaks the contract
	Unauthenticated Code = "unauthenticated" // 401: who is calling is not known
	Forbidden       Code = "forbidden"       // 403: the caller may not do this
	NotFound        Code = "not_found"       // 404
	Conflict        Code = "conflict"        // 409: the state does not allow it
	Exhausted       Code = "exhausted"       // 429: the caller's own limit
	Internal        Code = "internal"        // 500: an accident; the log has it
	Overloaded      Code = "overloaded"      // 503: a node's or a partition's limit
	Unavailable     Code = "unavailable"     // 503: nothing was sent
	Timeout         Code = "timeout"         // 504: the outcome is not known
)

var statuses = map[Code]int{
	Invalid:         http.StatusBadRequest,
	Unauthenticated: http.StatusUnauthorized,
	Forbidden:       http.StatusForbidden,
	NotFound:        http.StatusNotFound,
	Conflict:        http.StatusConflict,
	Exhausted:       http.StatusTooManyRequests,
	Internal:        http.StatusInternalServerError,
	Overloaded:      http.StatusServiceUnavailable,
	Unavailable:     http.StatusServiceUnavailable,
	Timeout:         http.StatusGatewayTimeout,
}

// Status is the code's HTTP status; an unknown code counts as Internal.
func (c Code) Status() int {
	if s, ok := statuses[c]; ok {
		return s
	}
	return http.StatusInternalServerError
}

// A Field is one thing wrong with an input.
type Field struct {
	Pointer string `json:"pointer"` // JSON pointer into the input, "/items/0/text"; "" is the whole input
	Detail  string `json:"detail"`  // what is wrong and what is allowed; never the value itself
}

// A Fault is an answer that is not a result. Treat it as immutable.
type Fault struct {
	Code       Code
	Detail     string        // one sentence for people; shown to the client
	Fields     []Field       // for Invalid: every mistake at once
	RetryAfter time.Duration // when a retry can help; zero says nothing
	Context    any           // what else the client is to know; must be JSON. Nil: nothing
}

// New makes a fault. The detail is shown to the client: name what the client
// sent by its meaning, never echo text that it sent.
func New(code Code, format string, args ...any) *Fault {
	return &Fault{Code: code, Detail: fmt.Sprintf(format, args...)}
}

// InvalidInput makes the fault for an input with mistakes.
func InvalidInput(fields ...Field) *Fault {
	return &Fault{Code: Invalid, Detail: "the input does not match the contract", Fields: fields}
}

// After returns a copy that tells the client when a retry can help.
func (f *Fault) After(d time.Duration) *Fault {
	c := *f
	c.RetryAfter = d
	return &c
}

// With returns a copy that brings the client a value, as the problem's context.
func (f *Fault) With(context any) *Fault {
	c := *f
	c.Context = context
	return &c
}

func (f *Fault) Error() string { return string(f.Code) + ": " + f.Detail }

// Is makes errors.Is(err, fault.New(fault.NotFound, "")) compare codes.
func (f *Fault) Is(target error) bool {
	t, ok := target.(*Fault)
	return ok && t.Code == f.Code
}

type transient struct{ error }

func (t transient) Unwrap() error { return t.error }

// Transient makes the mark known to who cannot import this package.
func (t transient) Transient() bool { return true }

// Transient marks an accident that may pass by itself. The command is tried at
// most three times, within its deadline. Transient(nil) is nil.
func Transient(err error) error {
	if err == nil {
		return nil
	}
	return transient{err}
}

// IsTransient tells whether err, or an error it wraps, was marked by Transient.
func IsTransient(err error) bool {
	var t transient
	return errors.As(err, &t)
}
