package broker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/internal/tracing"
)

// A job is one command that was read and is not yet committed. Its way:
//
//	accept    counts it, and has the pool queue it behind the others of its key
//	run       when it is its turn, on a goroutine of the pool; begin waits for the lease
//	execute   calls the handler; a copy comes there by way of once, unless it is replayed
//	forward   is in the place of both for a command that belongs to another partition
//	ran       hands what it has brought about to the committer, as a completion
//	finished  when that is committed, or the partition is lost
//
// What is late is answered by sweep (hung.go): it takes out of its queue what has not
// begun, and ran finds what it has given up answered.
type job struct {
	p       *partition
	entry   entry
	command *Command
	span    *tracing.Span // from begin to commit

	copies    *copies // of a command with an idempotency key; else nil
	transient bool    // the command failed by an error that was marked as transient

	passed   func()           // once, of a suspect: other commands need not wait for it; else nil
	end      func()           // once, of a suspect that runs: another one may
	attempts int              // of the handler
	dead     *message.Message // the dead letter, when it failed by accident

	overdue  atomic.Int64 // when it must have returned, in ns since the process began; 0: it does not run
	answered atomic.Bool  // by its handler, or at its deadline
	ends     atomic.Int32 // of a hung one: its return and its commit, see over
	inside   int          // calls of its handler and of middleware that have not returned
}

// ready tells whether the job may run. Hold its partition's mu.
func (j *job) ready() bool { return j.copies == nil || j.copies.known }

func (j *job) String() string { return fmt.Sprintf("%s %s", j.command.Operation, j.command.ID) }

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
