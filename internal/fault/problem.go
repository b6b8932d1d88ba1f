package fault

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"
)

// A Problem is what a client gets in place of a result (RFC 9457). Its kind is
// always "error", which alone tells it from a result.
type Problem struct {
	Kind         string  `json:"kind" enum:"error"`
	Type         string  `json:"type" doc:"Always about:blank: the code says it all."`
	Title        string  `json:"title" doc:"The HTTP phrase of the status."`
	Status       int     `json:"status"`
	Code         Code    `json:"code" enum:"invalid|unauthenticated|forbidden|not_found|conflict|exhausted|internal|overloaded|unavailable|timeout"`
	Detail       string  `json:"detail"`
	Instance     string  `json:"instance,omitempty" doc:"urn:uuid: and the command's id, to quote to support."`
	Errors       []Field `json:"errors,omitempty" doc:"Every mistake in the input, by JSON pointer."`
	RetryAfterMS int64   `json:"retry_after_ms,omitempty" doc:"A retry can help after this many milliseconds."`
	Context      any     `json:"context,omitempty" doc:"What else belongs to this problem; its shape is the use case's."`
}

// ContentType is the media type of a problem over HTTP.
const ContentType = "application/problem+json"

// ProblemOf is the one place where an error becomes what a client sees. An error
// that wraps no Fault is an accident: the client learns nothing but the
// command's id. An empty id leaves instance out.
func ProblemOf(err error, commandID string) Problem {
	f := &Fault{Code: Internal, Detail: "something went wrong on our side; the instance names this attempt"}
	errors.As(err, &f)
	p := Problem{
		Kind: "error", Type: "about:blank", Title: http.StatusText(f.Code.Status()), Status: f.Code.Status(),
		Code: f.Code, Detail: f.Detail, Errors: f.Fields, Context: f.Context,
		RetryAfterMS: (f.RetryAfter + time.Millisecond - 1).Milliseconds(), // rounded up: a retry after it must not be early
	}
	if commandID != "" {
		p.Instance = "urn:uuid:" + commandID
	}
	return p
}

// JSON encodes the problem.
func (p Problem) JSON() []byte {
	b, err := json.Marshal(p)
	if err != nil && p.Context != nil { // the rest is strings and numbers
		p.Context = nil
		return p.JSON()
	}
	if err != nil { // cannot happen
		return []byte(`{"kind":"error","type":"about:blank","title":"Internal Server Error","status":500,"code":"internal","detail":"problem not encodable"}`)
	}
	return b
}

// Of reads an answer: nil if it is a result, the problem as a fault if it is one. It is
// the one place where an answer's kind is looked at on the client's side.
func Of(answer []byte) error {
	var p Problem
	if err := json.Unmarshal(answer, &p); err != nil || p.Kind != "error" {
		return nil // a result may have any shape
	}
	return &Fault{
		Code: p.Code, Detail: p.Detail, Fields: p.Errors, Context: p.Context,
		RetryAfter: time.Duration(p.RetryAfterMS) * time.Millisecond,
	}
}
