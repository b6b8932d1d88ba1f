package contract

import (
	"context"
	"slices"
	"strings"
)

// A Serve runs a command: it takes the encoded input and gives what came of it.
type Serve func(ctx context.Context, input []byte) (Outcome, error)

// A Middleware puts something around handlers: before, after, in their place, or to
// change their input, outcome or error. It is asked for each route when the service
// starts, perhaps more than once; what it returned last runs for each command of that
// route. So it decides there whether the route concerns it, and returns next if not: that
// costs nothing.
//
//	func audit(r contract.Route, next contract.Serve) contract.Serve {
//		return func(ctx context.Context, input []byte) (contract.Outcome, error) {
//			… // before
//			out, err := next(ctx, input)
//			… // after
//			return out, err
//		}
//	}
//
// Like a handler it may run more than once for one command. An output that it makes
// itself must be what the route's Out encodes to.
type Middleware func(r Route, next Serve) Serve

// A Policy is what holds for all commands of a scope: of the service (Catalog.Use), of
// a namespace (Namespace.Policy) or of one command (Command.Policy).
//
// At the edge a command passes, in this order: all Rates, those of its own Policy first;
// the Guards of the service, of its namespace and of its Policy; its schema and its
// Validate method; its own Guards, which see the decoded input. On the worker scopes lie
// around its handler like the skins of an onion: the service outermost, then the
// namespace, then the command; within one Policy the first Middleware is outermost, and
// Errors are around them all.
type Policy struct {
	// Connect are asked before a socket is let into a namespace, in order. They are for
	// the service and for namespaces. A denial refuses the connection, with the fault
	// as its data.
	Connect []Guard[Connecting]

	Rates []Rate // how often clients may send commands

	// Guards are asked before a command is looked at further, in order. They hold over
	// REST, too, and not for internal commands.
	Guards []Guard[Request]

	Middleware []Middleware

	// Errors say what errors mean, see OnError. The first that knows an error decides,
	// and of several scopes the innermost.
	Errors []ErrorMap

	outer *Policy // of the namespace that this one's is nested in
}

// A Guard decides at the edge whether a caller may send an input. It sees no
// state, so that it gives the same answer whatever exists. Of a Policy its input is a
// Request or a Connecting, of a Command the command's own.
type Guard[In any] struct {
	Name  string                 // for readers, "staff-rooms"
	Allow func(Caller, In) error // nil lets the caller pass; a fault refuses

	// For is which operations a Policy's guard is for: "admin.purge", or "admin.*" for
	// all that begin with "admin.". Empty: all.
	For string

	// Disconnect ends the connection of a socket to its namespace after it was told
	// that it may not. Without it the socket stays connected.
	Disconnect bool
}

// A Request is a command before anybody has looked at its input.
type Request struct {
	Namespace string
	Operation string
	Input     []byte // JSON, of any shape
}

// A Denial is the error of a guard, or of a rate, that refuses. It wraps what the guard
// returned.
type Denial struct {
	Err        error
	Guard      string // its name
	Disconnect bool
}

func (d *Denial) Error() string { return d.Err.Error() }
func (d *Denial) Unwrap() error { return d.Err }

// pass returns the denial of the first guard that refuses.
func pass[In any](guards []Guard[In], by Caller, in In) error {
	for i := range guards {
		if err := guards[i].Allow(by, in); err != nil {
			return &Denial{Err: err, Guard: guards[i].Name, Disconnect: guards[i].Disconnect}
		}
	}
	return nil
}

// matches tells whether an operation is one of those that a pattern means.
func matches(pattern, operation string) bool {
	if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(operation, prefix)
	}
	return pattern == "" || pattern == operation
}

// Only limits middleware to some operations: "admin.purge", or "admin.*".
func Only(operations string, m Middleware) Middleware {
	return func(r Route, next Serve) Serve {
		if !matches(operations, r.Operation) {
			return next
		}
		return m(r, next)
	}
}

// around puts a policy around a route. What the policy does not declare leaves the
// route as it was.
func (p *Policy) around(r Route) Route {
	if p == nil {
		return r
	}
	if r.bare == nil {
		r.bare = r.Serve
	}
	r.layers = append(slices.Clip(r.layers), p)
	r.Serve = r.layered()
	r.Rates = p.rated(r)
	var guards []Guard[Request]
	var names []string
	for _, g := range p.Guards {
		if g.Allow != nil && matches(g.For, r.Operation) && !r.Internal {
			guards, names = append(guards, g), append(names, g.Name)
		}
	}
	if len(guards) > 0 {
		request, inner := Request{Namespace: r.Namespace.Name, Operation: r.Operation}, r.Permit
		r.Permit = func(by Caller, input []byte) error {
			req := request
			req.Input = input
			if by.Namespace != "" { // of a pattern
				req.Namespace = by.Namespace
			}
			if err := pass(guards, by, req); err != nil || inner == nil {
				return err
			}
			return inner(by, input)
		}
		r.Guards = append(names, r.Guards...)
	}
	return p.outer.around(r)
}

// layered is the handler with all that its policies put around it, the innermost first.
func (r *Route) layered() Serve {
	serve := r.bare
	for _, p := range r.layers {
		for _, m := range slices.Backward(p.Middleware) {
			if m != nil && serve != nil { // Check tells
				serve = m(*r, serve)
			}
		}
		if len(p.Errors) > 0 && serve != nil {
			serve = mapped(p.Errors, serve)
		}
	}
	return serve
}

// Nested returns a namespace below n: child's name is put behind n's, and n's policy
// around child's. Declare with what it returns.
//
//	var api = contract.Namespace{Name: "/api", Policy: &contract.Policy{…}}
//	var rooms = api.Nested(contract.Namespace{Name: "/rooms", …}) // "/api/rooms"
func (n Namespace) Nested(child Namespace) Namespace {
	child.Name = strings.TrimSuffix(n.Name, "/") + child.Name
	switch {
	case n.Policy == nil:
	case child.Policy == nil:
		child.Policy = n.Policy
	default:
		inner := *child.Policy
		inner.outer = n.Policy
		child.Policy = &inner
	}
	return child
}

// Use puts a policy around all routes, also around those that were used before: the
// last Use is outermost. It returns c.
func (c *Catalog) Use(p Policy) *Catalog {
	for i, r := range c.Routes {
		c.Routes[i] = p.around(r)
	}
	c.used = append(c.used, &p)
	return c
}

// MayConnect asks the guards of the service and of a namespace whether a caller may
// enter it. Its error is a *Denial.
func (c *Catalog) MayConnect(n Namespace, by Caller, h Connecting) error {
	for _, p := range slices.Backward(c.used) {
		if err := pass(p.Connect, by, h); err != nil {
			return err
		}
	}
	return n.Policy.mayConnect(by, h)
}

// ConnectGuards names the guards that MayConnect asks, in their order.
func (c *Catalog) ConnectGuards(n Namespace) []string {
	var names []string
	for p := n.Policy; p != nil; p = p.outer {
		names = append(guardNames(p.Connect), names...)
	}
	for _, p := range c.used {
		names = append(guardNames(p.Connect), names...)
	}
	return names
}

func guardNames[In any](guards []Guard[In]) (names []string) {
	for _, g := range guards {
		names = append(names, g.Name)
	}
	return names
}

func (p *Policy) mayConnect(by Caller, h Connecting) error {
	if p == nil {
		return nil
	}
	if err := p.outer.mayConnect(by, h); err != nil {
		return err
	}
	return pass(p.Connect, by, h)
}
