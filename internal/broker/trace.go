package broker

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/internal/tracing"
)

// A command that is traced carries the span that it is from in its metadata, and so do
// its reply, its events and its follow-up commands; its dead letter keeps what it came
// with. A trace begins at a gateway, or with who gives a command one: to what comes
// without, nothing is done here but to look.

// receiving begins the span of a command at its gateway. It ends with the answer, and has
// in it a span of what is done with that.
func (g *Gateway) receiving(c *Command, done func(Reply)) func(Reply) {
	t := g.cfg.Tracer
	if t == nil {
		c.Trace = tracing.Header{} // a client's, which only a tracer checks: it is not passed on
		return done
	}
	about := tracing.About{Name: c.Operation, Namespace: c.Caller.Namespace, Message: c.ID, Conversation: c.correlation, Protocol: "socket.io"}
	if c.Caller.Socket == "" {
		about.Protocol = "http"
	}
	span := t.Start(c.Trace, tracing.Receive, about)
	if c.Trace = span.Header(); span == nil {
		return done
	}
	return func(r Reply) {
		ack := t.Follow(cmp.Or(r.Trace, span.Header()), tracing.Ack, about)
		done(r)
		ack.End(string(r.Code))
		span.End(string(r.Code))
	}
}

// publishing begins the span of a command that is being sent.
func (l *Lanes) publishing(c *Command) *tracing.Span {
	if c.Trace.Parent == "" {
		return nil
	}
	span := l.cfg.Tracer.Follow(c.Trace, tracing.Publish, tracing.About{
		Name: c.Operation, Message: c.ID, Conversation: c.correlation, Stream: commandStream(l.partition(c.lane())),
	})
	c.from(span)
	return span
}

// from has a command, and what it brings about, follow a span; where nothing is traced
// it goes on following what it came with.
func (c *Command) from(span *tracing.Span) {
	if span != nil {
		c.Trace = span.Header()
	}
}

// publishProblem is what a span says of a publish.
func publishProblem(err error) string {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, ErrNotSent):
		return "not_sent"
	}
	return "not_known" // whether it was sent
}

// tracing begins the span of a command that is to be run.
func (w *Worker) tracing(j *job) {
	c := j.command
	if c.Trace.Parent == "" || c.forward {
		return
	}
	j.span = w.cfg.Tracer.Follow(c.Trace, tracing.Process, tracing.About{
		Name: c.Operation, Message: c.ID, Conversation: c.correlation, Stream: j.p.commands,
	})
	c.from(j.span)
}

// traceable gives each attempt of a command that is traced a span, within whatever spans
// middleware has begun.
func traceable(next serveFunc) serveFunc {
	return func(ctx context.Context, j *job) (messages []*message.Message, err error) {
		if j.span == nil {
			return next(ctx, j)
		}
		ctx, span := j.span.Within(ctx, tracing.Handle, tracing.About{Name: j.command.Operation, Message: j.command.ID, Attempt: j.attempts})
		problem := string(fault.Internal) // unless it returns
		defer func() { span.End(problem) }()
		messages, err = next(ctx, j)
		if problem = ""; err != nil {
			problem = string(fault.ProblemOf(deadline(ctx, err), "").Code)
		}
		return messages, err
	}
}

// traced writes to a message which span it is from.
func traced(m *message.Message, c *Command) {
	set(m.Metadata, metaTrace, c.Trace.Parent)
	set(m.Metadata, metaTraceState, c.Trace.State)
}

// committing begins the span of a commit.
func (c *completion) committing(messages []*message.Message, dead *message.Message) {
	if c.process == nil {
		return
	}
	switch i := slices.IndexFunc(messages, isReply); {
	case i >= 0:
		c.problem = messages[i].Metadata[metaCode]
	case dead != nil:
		c.problem = string(fault.Internal)
	}
	c.commit = c.process.Child(tracing.Commit, tracing.About{Name: c.command.Operation, Message: c.command.ID, Stream: c.p.commands})
}

// committed ends the spans of a command that is committed, or left to the partition's
// next owner.
func (c *completion) committed(lost bool) {
	if lost {
		c.commit.End("partition_lost")
		c.process.End("partition_lost")
		return
	}
	c.commit.End("")
	c.process.End(c.problem)
}
