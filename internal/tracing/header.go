package tracing

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// The names of a Header's parts, in metadata as in HTTP.
const (
	Traceparent = "traceparent"
	Tracestate  = "tracestate"
)

// A Header names a span as messages carry it: W3C trace context. The zero Header names
// none.
type Header struct{ Parent, State string }

// maxState is how many bytes of tracestate are passed on: as many as W3C asks for. It is
// in every message of the trace.
const maxState = 512

// Given is the Header that a client gives with its connection: traceparent and tracestate
// of its auth object. It comes with each of the client's commands, so it is not kept if
// it is too long to be one; whether it is one, Start finds out.
func Given(auth json.RawMessage) (h Header) {
	if !bytes.Contains(auth, []byte(`"`+Traceparent+`"`)) { // as of most clients
		return h
	}
	var given map[string]any
	if json.Unmarshal(auth, &given) != nil {
		return h
	}
	h.Parent, _ = given[Traceparent].(string)
	h.State, _ = given[Tracestate].(string)
	if len(h.Parent) > maxState || len(h.State) > maxState {
		return Header{}
	}
	return h
}

// From is the Header of the span that a context is in.
func From(ctx context.Context) Header {
	if c := trace.SpanContextFromContext(ctx); c.IsSampled() {
		return headerOf(c)
	}
	return Header{}
}

// Clone is the same in memory of its own.
func (h Header) Clone() Header { return Header{strings.Clone(h.Parent), strings.Clone(h.State)} }

// spanContext is what a Header names. What is not valid names nothing, whoever it is from.
func (h Header) spanContext() trace.SpanContext {
	if h.Parent == "" || len(h.Parent) > maxState {
		return trace.SpanContext{}
	}
	if len(h.State) > maxState {
		h.State = ""
	}
	return trace.SpanContextFromContext(propagation.TraceContext{}.Extract(context.Background(), &h))
}

func headerOf(c trace.SpanContext) (h Header) {
	propagation.TraceContext{}.Inject(trace.ContextWithSpanContext(context.Background(), c), &h)
	return h
}

// Get returns one part. With Set and Keys it makes a header a carrier.
func (h *Header) Get(key string) string {
	switch key {
	case Traceparent:
		return h.Parent
	case Tracestate:
		return h.State
	}
	return ""
}

// Set sets one part.
func (h *Header) Set(key, value string) {
	switch key {
	case Traceparent:
		h.Parent = value
	case Tracestate:
		h.State = value
	}
}

// Keys are the names of the parts.
func (h *Header) Keys() []string { return []string{Traceparent, Tracestate} }
