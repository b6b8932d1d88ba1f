package broker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"

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
// handler inside it, and of the command when it is the middleware's own.
func NewHandlers(c *contract.Catalog, chain ...message.HandlerMiddleware) *Handlers {
	h := &Handlers{routes: map[string]contract.Route{}, chain: chain}
	for _, r := range c.Routes {
		h.routes[r.Operation] = r
	}
	return h
}

type commandKey struct{}

// handler makes the function that serves one command's message and returns the
// messages to commit.
func (h *Handlers) handler(l *Lanes) message.HandlerFunc {
	f := retryTransient(middleware.Recoverer(func(m *message.Message) ([]*message.Message, error) {
		return h.serve(l, m)
	}))
	for i := len(h.chain) - 1; i >= 0; i-- {
		f = h.chain[i](f)
	}
	return middleware.Recoverer(f)
}

// retryTransient tries a handler again whose error is marked as transient, within the
// message's deadline. Watermill's Retry would make a timer for every message.
func retryTransient(next message.HandlerFunc) message.HandlerFunc {
	return func(m *message.Message) ([]*message.Message, error) {
		messages, err := next(m)
		for _, pause := range [...]time.Duration{50 * time.Millisecond, 200 * time.Millisecond} {
			if !fault.IsTransient(err) || !sleep(m.Context(), pause) {
				break
			}
			messages, err = next(m)
		}
		return messages, err
	}
}

func (h *Handlers) serve(l *Lanes, m *message.Message) ([]*message.Message, error) {
	c, ok := m.Context().Value(commandKey{}).(*Command)
	if !ok {
		return nil, errors.New("a middleware replaced the message's context without keeping its values")
	}
	route, ok := h.routes[c.Operation]
	if !ok {
		return nil, fmt.Errorf("no use case serves %q; does another version of the service run?", c.Operation)
	}
	out, err := route.Serve(contract.WithCaller(m.Context(), c.Caller), m.Payload)
	if err != nil {
		return nil, err
	}
	return l.results(c, route.Namespace.Name, out)
}

// run serves one job on a goroutine of the pool.
func (w *Worker) run(j *job) {
	if !w.awaitLease(j.p) {
		w.finished(j.p)
		return
	}
	done := &completion{p: j.p, entry: j.entry, replyTo: j.command.replyTo}
	if j.command.forward {
		w.forward(j)
	} else {
		done.messages = together(w.execute(j))
	}
	w.commits.add(done)
}

// execute runs a command's handler and returns the messages to commit: whatever
// happens, they answer the command.
func (w *Worker) execute(j *job) []*message.Message {
	c := j.command
	timeout := cmp.Or(w.routes[c.Operation].Timeout, w.cfg.CommandTimeout) // of all tries together, for a command that nobody waits for
	c.Caller.Accepted, c.Caller.Position = j.accepted, j.entry
	if c.Timeout > 0 {
		c.Caller.Deadline = j.accepted.Add(c.Timeout)
		if timeout = c.Caller.Deadline.Sub(w.now()); timeout <= 0 {
			return w.failed(c, errTimeout)
		}
	}
	ctx, cancel := context.WithTimeout(context.WithValue(context.Background(), commandKey{}, c), timeout)
	defer cancel()
	j.message.SetContext(ctx)
	messages, err := w.handler(j.message)
	var answer *fault.Fault
	switch {
	case err == nil && (c.replyTo == "" || slices.ContainsFunc(messages, isReply)):
		return messages
	case err == nil:
		err = errors.New("a middleware returned no reply and no error")
	case !errors.As(err, &answer) && errors.Is(err, context.DeadlineExceeded) && ctx.Err() != nil:
		err = errTimeout
	}
	return w.failed(c, err)
}

// failed is a problem as the answer to a command. What nobody is told is logged: an
// accident, and whatever happens to a command that nobody waits for.
func (w *Worker) failed(c *Command, err error) []*message.Message {
	var answer *fault.Fault
	if c.replyTo == "" || !errors.As(err, &answer) {
		w.log.Error("a command failed", "command", c.ID, "operation", c.Operation, "error", err)
	}
	if c.replyTo == "" {
		return nil
	}
	problem := fault.ProblemOf(err, c.ID)
	return []*message.Message{newMessage(c.ID, message.Metadata{metaReplyTo: c.replyTo, metaCode: string(problem.Code)}, problem.JSON())}
}

const forwardedFor = time.Hour // how long a command that was sent on is known to have been

// forward sends a follow-up command to the partition it belongs to. It tries until
// it has worked or the partition is lost.
func (w *Worker) forward(j *job) {
	c := *j.command
	c.forward = false
	metadata, payload := encode(c.message())
	target := w.partition(c.lane())
	keys := []string{commandStream(target), fmt.Sprintf("fwd:{p%d}:%s", target, c.ID)}
	var wait backoff
	for !j.p.lost.Load() {
		ctx, cancel := context.WithTimeout(context.Background(), roundTripMax)
		err := forwardScript.Run(ctx, w.rdb, keys, forwardedFor.Milliseconds(), c.ID, metadata, payload).Err()
		cancel()
		if err == nil {
			return
		}
		wait.sleep(context.Background(), w.log, "send on a follow-up command", err)
	}
}
