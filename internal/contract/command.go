package contract

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"
)

// A Command declares one request a client may send, and what it gets back.
type Command[In, Out any] struct {
	Namespace Namespace
	Event     string // wire name on the namespace, "join"; permanent. Empty: see names.go; AnyOther: whatever no command is called
	Operation string // key of the use case, "chat.join"; unique in the service
	Doc       string // one sentence

	// Key orders: commands of one key run one after the other, in the order in
	// which they were accepted. Nil orders by the caller's socket, or by the caller's
	// user if there is an idempotency key.
	Key func(In) string

	// IdempotencyKey names what a client tries, the same in each attempt. Of the
	// attempts of one user with one Key only the first is committed; the others get its
	// answer and its changes of the caller's rooms, for IDEMPOTENCY_TTL, or "conflict"
	// if their input is another one. An attempt that ended in "timeout", "internal" or
	// an answer that asks for another try counts for nothing. Nil, or an empty result:
	// none.
	IdempotencyKey func(In) string

	// AfterCommit has the command wait until what those before it under its key have
	// brought about is committed; otherwise it waits until they have returned. So whoever
	// runs a command again, after its node died, has not run a later one: it finds a store
	// as the commands before have left it, or as it has left it itself. Only a node that
	// stood still in a handler may end it late: what it keeps then, a store refuses by the
	// Position. It costs a commit's round trip for commands of one key that come at once.
	AfterCommit bool

	// Timeout is how long the caller waits for the acknowledgement, counted from
	// acceptance: 1 ms to MaxTimeout. Zero: the service's COMMAND_TIMEOUT.
	Timeout time.Duration

	Guards []Guard[In] // all must pass, in order, before the command is accepted
	Policy Policy      // what else holds for this command: middleware, meanings of errors
	Raises []EventSpec // the events the handler may emit; another one is an error
	Asks   []AskSpec   // the questions that the handler may put to clients
	HTTP   HTTP        // optional: the same command as a REST route

	// Internal commands cannot be sent by clients: only Submit and a namespace's OnConnect
	// and OnDisconnect reach them. They have no Event, no Guards and no HTTP.
	Internal bool
}

// MaxTimeout is the longest that a caller may wait.
const MaxTimeout = 24 * time.Hour

// HTTP serves a command as a REST route as well. Path values and query values
// join the JSON body by field name: "POST", "/v1/rooms/{room}/messages". They are texts,
// numbers, booleans or lists of these, so a GET, which has no body, takes no objects, nor
// does a path; paths that differ by the names in braces alone are one. Over REST there
// is no socket: effects on the caller's (Join, Leave, ToCaller, a session) do nothing, and
// the call is answered as if they had.
type HTTP struct {
	Method string
	Path   string
}

// An InputError tells that an input breaks a rule that its schema cannot say: its
// Validate method refused it. The text is for the client.
type InputError struct{ Err error }

func (e *InputError) Error() string { return e.Err.Error() }
func (e *InputError) Unwrap() error { return e.Err }

// An Admission is what a gateway must know of an input before it sends it on.
type Admission struct {
	Key            string // "" orders by the caller's socket
	IdempotencyKey string // "" for none
}

// An Outcome is what a handler returned, with its output encoded.
type Outcome struct {
	Output  json.RawMessage
	Effects []Effect
}

// A Route is a command bound to its handler, with its types erased.
type Route struct {
	Namespace Namespace
	Event     string
	Operation string
	Doc       string
	Timeout   time.Duration
	Internal  bool
	Keyed     bool // it has a Key
	Retryable bool // it has an IdempotencyKey
	HTTP      HTTP
	Raises    []EventSpec
	Asks      []AskSpec
	Guards    []string // their names
	Rates     []*Rate  // of the policies around the route, its own first
	In, Out   reflect.Type

	AfterCommit bool // see Command

	// Permit asks the guards of the policies around the route, before the input is
	// looked at. Nil: there are none.
	Permit func(caller Caller, input []byte) error

	// Admit decodes an input that matches the schema, asks its Validate method (an
	// *InputError) and the guards (a *Denial), and returns its keys.
	Admit func(caller Caller, body []byte) (Admission, error)

	// Serve decodes the input, runs the handler and encodes its output.
	// Run calls it.
	Serve Serve

	mistake error     // of Methods
	policy  *Policy   // the command's own
	bare    Serve     // without what is in layers
	layers  []*Policy // around it, the innermost first

	decodedBy func(admit, serve Decode) (func(Caller, []byte) (Admission, error), Serve)
}

// A Decode fills the value that into points to, which is zero, from JSON. It may keep
// nothing of either. json.Unmarshal is one.
type Decode func(body []byte, into any) error

// DecodedBy returns the route with other decoders of its input, one for Admit and one
// for Serve. Both must make of an input what encoding/json does; admit may refuse more,
// and its error is that of Admit.
func (r Route) DecodedBy(admit, serve Decode) Route {
	if r.decodedBy != nil {
		a, s := r.decodedBy(admit, serve)
		r.Admit = a
		if r.Serve != nil {
			r.bare = s
			r.Serve = r.layered()
		}
	}
	return r
}

// Handle binds the command to the function that serves it. The function may run
// more than once for one command, so what it does outside the effects it returns
// must be idempotent by the command's id, which CallerFrom gives.
func (c Command[In, Out]) Handle(h func(context.Context, In) (Out, []Effect, error)) Route {
	r := Route{
		Namespace: c.Namespace, Event: c.EventName(), Operation: c.Operation, Doc: c.Doc, Timeout: c.Timeout,
		Internal: c.Internal, Keyed: c.Key != nil, Retryable: c.IdempotencyKey != nil, AfterCommit: c.AfterCommit, HTTP: c.HTTP, Raises: c.Raises, Asks: c.Asks,
		In: reflect.TypeFor[In](), Out: reflect.TypeFor[Out](),
		policy: &c.Policy,
	}
	r.Guards = guardNames(c.Guards)
	r.decodedBy = func(admit, serve Decode) (func(Caller, []byte) (Admission, error), Serve) {
		return func(caller Caller, body []byte) (Admission, error) { return c.admit(caller, body, admit) },
			func(ctx context.Context, body []byte) (Outcome, error) { return c.serve(ctx, body, serve, h) }
	}
	admit, serve := r.decodedBy(fit, json.Unmarshal)
	r.Admit = admit
	if h != nil {
		r.Serve = serve
	}
	return c.Policy.around(r)
}

// Run serves a command for a caller: Serve, with the dependencies closed after it.
// This is what runs commands; Serve alone closes nothing.
func (r *Route) Run(ctx context.Context, by Caller, input []byte) (out Outcome, err error) {
	e := &execution{Context: ctx, caller: by}
	e.caller.Operation = r.Operation
	e.caller.Namespace, e.caller.Params = r.Namespace.Name, nil
	if r.Namespace.Dynamic() {
		if params, ok := r.Namespace.Match(by.Namespace); ok {
			e.caller.Namespace, e.caller.Params = by.Namespace, params
		}
	}
	outcome := ErrPanicked
	defer func() {
		if err = e.scope.end(outcome); err != nil {
			out = Outcome{}
		}
	}()
	out, err = r.Serve(e, input)
	outcome = err
	return out, err
}

// fit decodes for Admit: what does not fit is the client's mistake.
func fit(body []byte, into any) error {
	if json.Unmarshal(body, into) != nil {
		return &InputError{errors.New("a value does not fit its type")}
	}
	return nil
}

type validator interface{ Validate() error }

func (c *Command[In, Out]) admit(caller Caller, body []byte, decode Decode) (Admission, error) {
	in := new(In)
	if err := decode(body, in); err != nil {
		return Admission{}, err
	}
	if v, ok := any(in).(validator); ok { // also one with a value as receiver
		if err := v.Validate(); err != nil {
			return Admission{}, &InputError{err}
		}
	}
	if err := pass(c.Guards, caller, *in); err != nil {
		return Admission{}, err
	}
	var a Admission
	if c.Key != nil {
		a.Key = c.Key(*in)
	}
	if c.IdempotencyKey != nil {
		a.IdempotencyKey = c.IdempotencyKey(*in)
	}
	return a, nil
}

func (c *Command[In, Out]) serve(ctx context.Context, body []byte, decode Decode, h func(context.Context, In) (Out, []Effect, error)) (Outcome, error) {
	in := new(In)
	if err := decode(body, in); err != nil {
		return Outcome{}, fmt.Errorf("%s: decode input: %w", c.Operation, err)
	}
	out, effects, err := h(ctx, *in)
	if err != nil {
		return Outcome{}, err
	}
	if err := c.checkEffects(ctx, effects); err != nil {
		return Outcome{}, err
	}
	body, err = json.Marshal(out)
	if err != nil {
		return Outcome{}, fmt.Errorf("%s: encode output: %w", c.Operation, err)
	}
	return Outcome{Output: body, Effects: effects}, nil
}

// checkEffects refuses an event that the command does not declare, one that nobody
// would hear, one that could not be kept, and a room of another tenant: mistakes that
// would otherwise stay silent.
func (c *Command[In, Out]) checkEffects(ctx context.Context, effects []Effect) error {
	for i, e := range effects {
		if m, ok := e.(Membership); ok {
			if err := checkRoom(ctx, m); err != nil {
				return err
			}
			continue
		}
		m, ok := e.(Emission)
		if !ok {
			continue
		}
		if m.Event.Type != nil && !slices.ContainsFunc(c.Raises, m.Event.same) { // Raw has none
			return fmt.Errorf("%s emitted %s, which its Raises does not list", c.Operation, m.Event.Name)
		}
		if m.Audience.empty() {
			return fmt.Errorf("%s emitted %s to nobody: give the event a To, or address the emission", c.Operation, m.Event.Name)
		}
		if m.Event.Keep > 0 && slices.ContainsFunc(effects[:i], m.again) {
			return fmt.Errorf("%s emitted %s twice, of which one is kept for each command", c.Operation, m.Event.Name)
		}
	}
	return nil
}

// again tells whether another effect emits the same event.
func (m Emission) again(other Effect) bool {
	o, ok := other.(Emission)
	return ok && m.Event.same(o.Event)
}

func decode[T any](body []byte) (T, error) {
	var v T
	err := json.Unmarshal(body, &v)
	return v, err
}
