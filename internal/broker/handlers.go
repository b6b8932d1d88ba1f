package broker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
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
// handler inside it, and of the command when it is the middleware's own.
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
	serve := retryTransient(recovered(func(ctx context.Context, j *job) ([]*message.Message, error) {
		return h.serve(ctx, l, j.command)
	}))
	if len(h.chain) == 0 {
		return serve
	}
	f := func(m *message.Message) ([]*message.Message, error) {
		j, ok := m.Context().Value(jobKey{}).(*job)
		if !ok {
			return nil, errors.New("a middleware replaced the message's context without keeping its values")
		}
		j.command.Input = m.Payload
		return serve(m.Context(), j)
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

// recovered makes a panic an error.
func recovered(next serveFunc) serveFunc {
	return func(ctx context.Context, j *job) (messages []*message.Message, err error) {
		defer func() {
			if v := recover(); v != nil {
				messages, err = nil, fmt.Errorf("panic: %v\n%s", v, debug.Stack())
			}
		}()
		return next(ctx, j)
	}
}

// retryTransient tries a handler again whose error is marked as transient, within the
// command's deadline. Watermill's Retry would make a timer for every message.
func retryTransient(next serveFunc) serveFunc {
	return func(ctx context.Context, j *job) ([]*message.Message, error) {
		messages, err := next(ctx, j)
		if err == nil {
			return messages, nil
		}
		for _, pause := range [...]time.Duration{50 * time.Millisecond, 200 * time.Millisecond} {
			if !fault.IsTransient(err) || !sleep(ctx, pause) {
				break
			}
			messages, err = next(ctx, j)
		}
		return messages, err
	}
}

func (h *Handlers) serve(ctx context.Context, l *Lanes, c *Command) ([]*message.Message, error) {
	route, ok := h.routes[c.Operation]
	if !ok {
		return nil, fmt.Errorf("no use case serves %q; does another version of the service run?", c.Operation)
	}
	out, err := route.Serve(contract.WithCaller(ctx, c.Caller), c.Input)
	if err != nil {
		return nil, err
	}
	return l.results(c, route.Namespace.Name, out)
}

// run serves one job on a goroutine of the pool.
func (w *Worker) run(j *job) {
	if !w.awaitLease(j.p) {
		w.finished(j.p, j.copies)
		return
	}
	done := &completion{p: j.p, entry: j.entry.id, replyTo: j.command.replyTo, copies: j.copies}
	switch {
	case j.command.forward:
		w.forward(j)
	case j.copies != nil:
		done.messages, done.outcome = w.once(j)
	default:
		done.messages = w.execute(j)
	}
	if done.replyTo == "" {
		done.messages = slices.DeleteFunc(done.messages, isReply)
	}
	done.messages = together(done.messages)
	w.commits.add(done)
}

// execute runs a command's handler and returns the messages to commit: whatever
// happens, they answer the command.
func (w *Worker) execute(j *job) []*message.Message {
	c := j.command
	timeout := cmp.Or(w.routes[c.Operation].Timeout, w.cfg.CommandTimeout) // of all tries together, for a command that nobody waits for
	if c.Timeout > 0 {
		c.Caller.Deadline = c.Caller.Accepted.Add(c.Timeout)
		if timeout = c.Caller.Deadline.Sub(w.now()); timeout <= 0 {
			w.expired.Add(1)
			return w.failed(c, errTimeout)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	messages, err := w.serve(ctx, j)
	if err != nil {
		j.transient = fault.IsTransient(err)
		return w.failed(c, deadline(ctx, err))
	}
	if c.answered() && !slices.ContainsFunc(messages, isReply) {
		return w.failed(c, errors.New("a middleware returned no reply and no error"))
	}
	return messages
}

// deadline is a handler's error, which says "timeout" when its context did.
func deadline(ctx context.Context, err error) error {
	var answer *fault.Fault
	if !errors.As(err, &answer) && errors.Is(err, context.DeadlineExceeded) && ctx.Err() != nil {
		return errTimeout
	}
	return err
}

// failed is a problem as the answer to a command. What nobody is told is logged: an
// accident, and whatever happens to a command that nobody waits for.
func (w *Worker) failed(c *Command, err error) []*message.Message {
	var answer *fault.Fault
	if c.replyTo == "" || !errors.As(err, &answer) {
		w.log.Error("a command failed", "command", c.ID, "operation", c.Operation, "error", err)
	}
	if !c.answered() {
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
	target := w.partition(c.lane())
	keys := []string{commandStream(target), fmt.Sprintf("fwd:{p%d}:%s", target, c.ID)}
	var wait backoff
	for !j.p.lost.Load() {
		ctx, cancel := context.WithTimeout(context.Background(), roundTripMax)
		err := forwardScript.Run(ctx, w.rdb, keys, forwardedFor.Milliseconds(), c.ID, encodePairs(c.metadata()), c.Input).Err()
		cancel()
		if err == nil {
			return
		}
		wait.sleep(context.Background(), w.log, "send on a follow-up command", err)
	}
}
