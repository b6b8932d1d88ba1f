package client

import (
	"context"
	"fmt"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/fault"
)

// Call sends a command and waits for its acknowledgement. A problem is a *fault.Fault:
// errors.Is(err, fault.New(fault.NotFound, "")).
func Call[In, Out any](ctx context.Context, c *Client, cmd contract.Command[In, Out], in In) (Out, error) {
	if err := c.speaks(cmd.Namespace); err != nil {
		var none Out
		return none, fmt.Errorf("call %s: %w", cmd.Operation, err)
	}
	return callAs[Out](ctx, c, cmd.Timeout, cmd.EventName(), in)
}

// Emit sends a command and wants no acknowledgement: it returns when the connection has
// taken it, and whether it arrives is not known. Its problem comes to OnError.
func Emit[In, Out any](ctx context.Context, c *Client, cmd contract.Command[In, Out], in In) error {
	if err := c.speaks(cmd.Namespace); err != nil {
		return fmt.Errorf("emit %s: %w", cmd.Operation, err)
	}
	args, err := arguments(in)
	if err != nil {
		return fmt.Errorf("emit %s: %w", cmd.Operation, err)
	}
	return c.EmitRaw(ctx, cmd.EventName(), args...)
}

// On runs f for each event until stop is called. Handlers of a client run one at a time,
// in order. An event that is not of its type goes to OnError, as does a declaration that
// is not of this namespace.
func On[T any](c *Client, event contract.Event[T], f func(T)) (stop func()) {
	if err := c.speaks(event.Namespace); err != nil {
		c.fail(fmt.Errorf("on %s: %w", event.Spec().Name, err))
	}
	return on(c, event.Spec().Name, f)
}

func on[T any](c *Client, event string, f func(T)) (stop func()) {
	return c.OnRaw(event, func(e Raw) {
		var payload T
		if err := e.Decode(&payload); err != nil {
			c.fail(err)
			return
		}
		f(payload)
	})
}

// Receive waits for the next event of a kind, and takes it. Events wait for it from the
// moment of the connection on; what has a handler does not.
func Receive[T any](ctx context.Context, c *Client, event contract.Event[T]) (T, error) {
	var payload T
	name := event.Spec().Name
	err := c.speaks(event.Namespace)
	if err == nil {
		var e Raw
		if e, err = c.receive(ctx, name); err == nil {
			err = e.Decode(&payload)
		}
	}
	if err != nil {
		return payload, fmt.Errorf("receive %s: %w", name, err)
	}
	return payload, nil
}

// maxAnswering is how many questions of one client are answered at a time.
const maxAnswering = 16

// Answer answers a question that handlers put to clients. An error refuses: a fault as
// the problem that it is, another error as "internal". Questions are answered beside
// events, also while a handler calls, and at most 16 at a time; one more is refused as
// "overloaded". The context ends with the client.
func Answer[Question, Reply any](c *Client, ask contract.Ask[Question, Reply], f func(context.Context, Question) (Reply, error)) (stop func()) {
	if err := c.speaks(ask.Namespace); err != nil {
		c.fail(fmt.Errorf("answer %s: %w", ask.Name, err))
	}
	running, refusing := make(chan struct{}, maxAnswering), make(chan struct{}, c.opts.events)
	return c.handle(ask.Name, &handler{begin: func(e Raw) error {
		refused := Raw{Name: e.Name, client: c, conn: e.conn, ack: e.ack} // there may be many
		if c.beside(running, e, func(ctx context.Context) (any, error) {
			var q Question
			if err := e.Decode(&q); err != nil {
				return nil, fault.New(fault.Invalid, "the question is not of the declared type")
			}
			return f(ctx, q)
		}) || c.beside(refusing, refused, func(context.Context) (any, error) {
			return nil, fault.New(fault.Overloaded, "this client answers %d questions already", maxAnswering)
		}) {
			return nil
		}
		return ErrOverflow // the server asks on, and reads no answers
	}})
}

// beside answers a question on a goroutine of its own, if there is room for one. Who calls
// in a handler may be asked before that returns, and who reads cannot wait for who writes.
func (c *Client) beside(room chan struct{}, e Raw, f func(context.Context) (any, error)) bool {
	select {
	case room <- struct{}{}:
	default:
		return false
	}
	go func() {
		defer func() { <-room }()
		c.answer(e, f)
	}()
	return true
}

// answer acknowledges a question. That the connection has gone meanwhile, the server
// knows.
func (c *Client) answer(e Raw, f func(context.Context) (any, error)) {
	ctx, cancel := context.WithCancel(e.conn.ctx)
	defer cancel()
	defer context.AfterFunc(c.ctx, cancel)()
	var said []any
	reply, err := f(ctx)
	if err == nil {
		said, err = arguments(reply)
	}
	if err != nil {
		said = []any{fault.ProblemOf(err, "")}
	}
	if err := e.Ack(ctx, said...); err != nil && ctx.Err() == nil {
		c.fail(err)
	}
}

// speaks tells whether a declaration is of this client's namespace.
func (c *Client) speaks(ns contract.Namespace) error {
	if _, ok := ns.Match(c.namespace); !ok && ns.Name != c.namespace {
		return fmt.Errorf("%w: it is declared on %s, and the client's is %s (see Of)", ErrBadNamespace, ns.Name, c.namespace)
	}
	return nil
}
