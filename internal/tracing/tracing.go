// Package tracing follows a command through the service as an OpenTelemetry trace: from
// the gateway that receives it over the lanes to its use case, and back to the sockets.
// What the stages are called, and what their spans say, is here and nowhere else.
//
// A trace crosses the lanes as W3C trace context in a message's metadata, under the
// standard names, and only if it is sampled. So what is not traced costs no byte and no
// allocation: a nil Tracer, a nil Span and the zero Header are good for everything, and
// do nothing.
//
// A handler finds its span in its context, with trace.SpanFromContext. docs/tracing.md
// has a picture. Nothing here waits for a collector. Start at Open and Tracer.
package tracing

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// A Stage is what a span is about: one step of a command's way.
type Stage struct {
	verb string // of the span's name; none: the name is the operation
	kind trace.SpanKind
	does attribute.KeyValue // messaging.operation.type, where there is a message
}

// The stages. Those that begin with a message of the lanes are children of whoever wrote
// it, and not linked to it: a message is one command or one event, and is handled by
// itself, however many come in one read.
var (
	Receive = Stage{verb: "receive", kind: trace.SpanKindServer}                                                // a gateway, until it has answered
	Publish = Stage{verb: "publish", kind: trace.SpanKindProducer, does: semconv.MessagingOperationTypeSend}    // of a command
	Process = Stage{verb: "process", kind: trace.SpanKindConsumer, does: semconv.MessagingOperationTypeProcess} // a worker, until it has committed
	Handle  = Stage{kind: trace.SpanKindInternal}                                                               // one attempt of the use case
	Commit  = Stage{verb: "commit", kind: trace.SpanKindClient, does: semconv.MessagingOperationTypeSettle}     // of what it has brought about
	Deliver = Stage{verb: "deliver", kind: trace.SpanKindConsumer, does: semconv.MessagingOperationTypeProcess} // of an event, on each node that has somebody to hear it
	Ack     = Stage{verb: "ack", kind: trace.SpanKindConsumer, does: semconv.MessagingOperationTypeProcess}     // of the answer, with the rooms that it brings
)

// About is what a span says of its stage. Empty is not said.
type About struct {
	Name         string // of the command, "chat.join", or of the event
	Namespace    string // of the sockets
	Protocol     string // that the client speaks
	Message      string // id of the message
	Conversation string // id of the command that began the chain
	Stream       string // that the message is in
	Attempt      int    // of the handler, from 1
	Sockets      int    // that an event is sent to

	Began time.Time // of what is told when it is over; zero: now
}

func (s Stage) name(a About) string {
	if s.verb == "" {
		return a.Name
	}
	return s.verb + " " + a.Name
}

func (s Stage) attributes(a About) []attribute.KeyValue {
	all := make([]attribute.KeyValue, 0, 10)
	text := func(key attribute.Key, value string) {
		if value != "" {
			all = append(all, key.String(value))
		}
	}
	if s.does.Valid() {
		all = append(all, system, s.does, semconv.MessagingOperationName(s.verb))
	}
	text("switchyard.name", a.Name)
	text("switchyard.namespace", a.Namespace)
	text(semconv.NetworkProtocolNameKey, a.Protocol)
	text(semconv.MessagingMessageIDKey, a.Message)
	text(semconv.MessagingMessageConversationIDKey, a.Conversation)
	text(semconv.MessagingDestinationNameKey, a.Stream)
	if a.Attempt > 0 {
		all = append(all, attribute.Int("switchyard.attempt", a.Attempt))
	}
	if a.Sockets > 0 {
		all = append(all, attribute.Int("switchyard.sockets", a.Sockets))
	}
	return all
}

var system = semconv.MessagingSystemKey.String("redis") // Redis Streams have no name among the conventions

// A Span is one stage of a trace that is sampled. Nil is one of another. Safe for
// concurrent use.
type Span struct {
	span   trace.Span
	tracer trace.Tracer
}

// Start begins the span of a stage whose cause came from elsewhere: in a message, or from
// a client. The zero Header begins a trace.
func (t *Tracer) Start(cause Header, s Stage, a About) *Span {
	if t == nil {
		return nil
	}
	return start(trace.ContextWithRemoteSpanContext(context.Background(), cause.spanContext()), t.tracer, s, a)
}

// Follow is Start, but begins no trace: of what has no cause, or names none, there is none.
func (t *Tracer) Follow(cause Header, s Stage, a About) *Span {
	if t == nil || cause.Parent == "" || !cause.spanContext().IsValid() {
		return nil
	}
	return t.Start(cause, s, a)
}

// Child begins the span of a stage within this one.
func (s *Span) Child(of Stage, a About) *Span {
	if s == nil {
		return nil
	}
	return start(s.Context(context.Background()), s.tracer, of, a)
}

// Within begins the span of a stage within that of a context, which is in this one, and
// returns the context in which it is the current one.
func (s *Span) Within(ctx context.Context, of Stage, a About) (context.Context, *Span) {
	if s == nil {
		return ctx, nil
	}
	inner := start(ctx, s.tracer, of, a)
	return inner.Context(ctx), inner
}

func start(ctx context.Context, t trace.Tracer, s Stage, a About) *Span {
	options := []trace.SpanStartOption{trace.WithSpanKind(s.kind), trace.WithAttributes(s.attributes(a)...)}
	if !a.Began.IsZero() {
		options = append(options, trace.WithTimestamp(a.Began))
	}
	_, span := t.Start(ctx, s.name(a), options...)
	if !span.SpanContext().IsSampled() {
		return nil
	}
	return &Span{span, t}
}

// Context returns a context in which the span is the current one.
func (s *Span) Context(ctx context.Context) context.Context {
	if s == nil {
		return ctx
	}
	return trace.ContextWithSpan(ctx, s.span)
}

// Header is the span as the cause of others, for a message.
func (s *Span) Header() Header {
	if s == nil {
		return Header{}
	}
	return headerOf(s.span.SpanContext())
}

// End ends the span, with the code of the problem that it came to, or "" for none. It
// never waits.
func (s *Span) End(problem string) {
	if s == nil {
		return
	}
	if problem != "" {
		s.span.SetStatus(codes.Error, problem)
		s.span.SetAttributes(semconv.ErrorTypeKey.String(problem))
	}
	s.span.End()
}
