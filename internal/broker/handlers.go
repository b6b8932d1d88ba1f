package broker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/fault"
)

// Handlers are the use cases behind the lanes: every operation of a catalog, inside
// a chain of Watermill middleware.
type Handlers struct {
	routes map[string]contract.Route
	chain  []message.HandlerMiddleware
}

// NewHandlers serves a catalog. The middleware runs around every command, the first
// outermost; the retry of transient errors is inside it. A panic is an error of the
// handler inside it, and of the command when it is the middleware's own. A fault is an
// error to it, too: have Watermill's Retry and PoisonQueue leave those alone (see
// middleware_test.go). What PoisonQueue takes is answered "internal" and a dead letter. Where
// Timeout has ended the handler's context, the answer is "timeout", as at the end of the
// command's own time.
func NewHandlers(c *contract.Catalog, chain ...message.HandlerMiddleware) *Handlers {
	h := &Handlers{routes: map[string]contract.Route{}, chain: chain}
	for _, r := range c.Routes {
		h.routes[r.Operation] = r
	}
	return h
}

// A serveFunc serves one command and returns the messages to commit.
type serveFunc func(ctx context.Context, j *job) ([]*message.Message, error)

type jobKey struct{}

// server makes the function that serves commands. Only middleware makes it need a
// Watermill message of each.
func (h *Handlers) server(l *Lanes) serveFunc {
	serve := retryTransient(recovered(traceable(func(ctx context.Context, j *job) ([]*message.Message, error) {
		return h.serve(ctx, l, j.command)
	})))
	if len(h.chain) == 0 {
		return serve
	}
	f := func(m *message.Message) ([]*message.Message, error) {
		j, ok := m.Context().Value(jobKey{}).(*job)
		if !ok {
			return nil, errors.New("a middleware replaced the message's context without keeping its values")
		}
		j.command.Input = m.Payload
		ctx := m.Context() // may have an earlier deadline, by a middleware
		messages, err := serve(ctx, j)
		return messages, deadline(ctx, err)
	}
	for i := len(h.chain) - 1; i >= 0; i-- {
		f = h.chain[i](f)
	}
	return recovered(func(ctx context.Context, j *job) ([]*message.Message, error) {
		m, err := decode(j.entry)
		if err != nil {
			return nil, err
		}
		m.SetContext(context.WithValue(ctx, jobKey{}, j))
		return f(m)
	})
}

// retryTransient tries a handler again whose error is marked as transient, within the
// command's deadline. Watermill's Retry would make a timer for every message.
func retryTransient(next serveFunc) serveFunc {
	return func(ctx context.Context, j *job) ([]*message.Message, error) {
		j.attempts = 1
		messages, err := next(ctx, j)
		if err == nil {
			return messages, nil
		}
		for _, pause := range [...]time.Duration{50 * time.Millisecond, 200 * time.Millisecond} {
			if !fault.IsTransient(err) || !sleep(ctx, pause) {
				break
			}
			j.attempts++
			messages, err = next(ctx, j)
		}
		return messages, err
	}
}

func (h *Handlers) serve(ctx context.Context, l *Lanes, c *Command) ([]*message.Message, error) {
	route, ok := h.routes[c.Operation]
	if !ok {
		return nil, l.unknown(c)
	}
	caller := c.Caller
	caller.Lane = c.lane()
	out, err := route.Run(ctx, caller, c.Input)
	if err != nil {
		return nil, err
	}
	shape := contract.ShapeOf(route.Out)
	if err := checkShape(out.Output, shape.Args != nil, shape.Binary); err != nil {
		return nil, fmt.Errorf("%s: output: %w", c.Operation, err)
	}
	return results(c, l.cfg.Partitions, route.Namespace.For(caller), out)
}

// unknown is why a command does not run that this node has no use case for. While nodes are
// replaced by those of another version, who waits for it tries again until one is there that
// knows it: a dead letter would have it done twice. What nobody waits for is an accident.
func (l *Lanes) unknown(c *Command) error {
	err := fmt.Errorf("no use case serves %q; does another version of the service run?", c.Operation)
	if c.replyTo == "" {
		return err
	}
	l.unserved.error(l.log, "a command was not run", "command", c.ID, "error", err)
	return fault.New(fault.Unavailable, "no node that knows this command was there to run it; nothing happened").After(time.Second)
}
