package broker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
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
func (h *Handlers) server(partitions int) serveFunc {
	serve := retryTransient(recovered(traceable(func(ctx context.Context, j *job) ([]*message.Message, error) {
		return h.serve(ctx, j.command, partitions)
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

func (h *Handlers) serve(ctx context.Context, c *Command, partitions int) ([]*message.Message, error) {
	route, ok := h.routes[c.Operation]
	if !ok {
		return nil, fmt.Errorf("no use case serves %q; does another version of the service run?", c.Operation)
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
	return results(c, partitions, route.Namespace.For(caller), out)
}

// accept queues one admitted entry for its key.
func (w *Worker) accept(p *partition, e entry, c *Command, err error, suspect bool) {
	w.inFlight.Add(1)
	if err != nil {
		w.undecodable.error(w.log, "an entry is no command: it becomes a dead letter", "stream", p.commands, "entry", e.id, "error", bounded(fmt.Sprint(err)))
		w.commits.add(&completion{p: p, entry: e.id, dead: deadEntry(p, e, err)})
		return
	}
	if !c.Caller.Accepted.After(p.inherited) {
		w.metrics.Redelivered.Inc()
	}
	j := &job{p: p, entry: e, command: c}
	if e.id == p.suspects.died {
		j.attempts = attemptsOfDead
		messages := w.failed(j, errDied)
		w.commits.add(j.completion().with(messages, j.dead))
		return
	}
	if w.cfg.IdempotencyTTL > 0 && c.repeatable() {
		var first bool
		if j.copies, first = p.join(c); first {
			w.lookups.add(p, j.copies)
		}
	}
	if suspect && !c.forward { // which runs no handler
		w.suspect(j)
	}
	w.pool.add(j)
}

// run serves one job on a goroutine of the pool, which the handler may end.
func (w *Worker) run(j *job) {
	if !w.begin(j) {
		w.finished(j.p, j.copies)
		return
	}
	w.tracing(j)
	done := j.completion()
	var messages []*message.Message
	defer func() {
		if j.inside > 0 {
			w.ran(j, done, w.failed(j, errExited))
		}
	}()
	switch {
	case j.command.forward:
		w.forward(j)
	case j.copies != nil:
		messages, done.outcome = w.once(j)
	default:
		messages = w.execute(j)
	}
	w.ran(j, done, messages)
}

// ran completes what has run.
func (w *Worker) ran(j *job, done *completion, messages []*message.Message) {
	if j.end != nil {
		j.end()
	}
	if !j.answered.CompareAndSwap(false, true) {
		w.returned(j)
		return
	}
	w.commits.add(done.with(messages, j.dead))
}

// execute runs a command's handler and returns the messages to commit: whatever
// happens, they answer the command.
func (w *Worker) execute(j *job) []*message.Message {
	c := j.command
	now := w.now()
	w.metrics.Stream.Took(now.Sub(c.Caller.Accepted))
	timeout := cmp.Or(w.routes[c.Operation].Timeout, w.cfg.CommandTimeout) // of all tries together, for a command that nobody waits for
	if c.Timeout > 0 {
		c.Caller.Deadline = c.Caller.Accepted.Add(c.Timeout)
		if timeout = c.Caller.Deadline.Sub(now); timeout <= 0 {
			w.metrics.Expired.Inc()
			return w.failed(j, errTimeout)
		}
	}
	ctx := newTimed(j.span.Context(context.Background()), timeout)
	defer ctx.cancel()
	begin := time.Since(began)
	j.overdue.Store(int64(begin + timeout + hungAfter))
	messages, err := w.serve(ctx, j)
	w.metrics.Operation(c.Operation).Handled(time.Since(began) - begin)
	if j.attempts > 1 {
		w.metrics.Retries.Add(float64(j.attempts - 1))
	}
	switch {
	case err != nil:
		j.transient = fault.IsTransient(err)
		messages = w.failed(j, deadline(ctx, err))
	case c.answered() && !slices.ContainsFunc(messages, isReply):
		return w.failed(j, errors.New("a middleware returned no reply and no error"))
	}
	// What no reader can bring in a round trip would come again for ever, and what Redis
	// does not take would hold up its lane.
	if n := sizeOf(messages); n > w.cfg.MaxOutput {
		return w.failed(j, fmt.Errorf("%s: its output, events and other commands have %d bytes, more than %d (MAX_OUTPUT)", c.Operation, n, w.cfg.MaxOutput))
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

// failed is a problem as the answer to a command, and an accident is a dead letter as
// well. What nobody is told is logged: an accident, and whatever happens to a command
// that nobody waits for.
func (w *Worker) failed(j *job, err error) []*message.Message {
	c := j.command
	var answer *fault.Fault
	accident := !errors.As(err, &answer)
	if accident {
		j.dead = deadCommand(j, err)
	}
	if c.replyTo == "" || accident {
		w.log.ErrorContext(j.span.Context(context.Background()), "a command failed", append([]any{"command", c.ID, "operation", c.Operation}, logged(err)...)...)
	}
	return problem(c, err)
}

// problem is an error as the answer to a command, if that is of use.
func problem(c *Command, err error) []*message.Message {
	if !c.answered() {
		return nil
	}
	p := fault.ProblemOf(err, c.ID)
	reply := newMessage(c.ID, message.Metadata{metaReplyTo: c.replyTo, metaCode: string(p.Code)}, p.JSON())
	traced(reply, c)
	return []*message.Message{reply}
}

const forwardedFor = time.Hour // how long a command that was sent on is known to have been

// forward sends a follow-up command to the partition it belongs to. It tries until
// it has worked or the partition is lost.
func (w *Worker) forward(j *job) {
	c := *j.command
	c.forward = false
	target := w.partition(c.lane())
	keys := []string{commandStream(target), forwardKey(target, c.ID)}
	var wait backoff
	for !j.p.lost.Load() {
		ctx, cancel := context.WithTimeout(context.Background(), roundTripMax)
		err := forwardScript.Run(ctx, w.rdb, keys, forwardedFor.Milliseconds(), c.ID, c.encoded(), c.Input).Err()
		cancel()
		if err == nil {
			return
		}
		wait.sleep(context.Background(), w.log, "send on a follow-up command", err)
	}
}
