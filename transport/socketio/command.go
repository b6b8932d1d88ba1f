package socketio

import (
	"encoding/json"
	"errors"
	"slices"
	"strconv"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/internal/metrics"
	"github.com/example/switchyard/internal/schema"
	"github.com/example/switchyard/transport/socketio/sockets"
)

// A command is one that clients may send, with how its input and output are written on a
// socket.
type command struct {
	*schema.Command
	in, out contract.Shape

	metrics *metrics.Operation
}

func newCommand(c *schema.Command, count *metrics.Metrics) *command {
	return &command{Command: c, in: contract.ShapeOf(c.In), out: contract.ShapeOf(c.Out), metrics: count.Operation(c.Operation)}
}

// An ask is a question to clients, likewise.
type ask struct {
	*schema.Ask
	question, answer contract.Shape
}

func newAsk(a *schema.Ask) *ask {
	return &ask{Ask: a, question: contract.ShapeOf(a.Question), answer: contract.ShapeOf(a.AskSpec.Answer)}
}

// commandOf finds the command that clients call by an event, and its arguments. The command
// for any other event gets the event's name with them. Nil: there is neither.
func (h *handler) commandOf(m *member, e sockets.Event) (cmd *command, args []json.RawMessage) {
	if cmd = h.commands[name{m.home.Name, e.Name}]; cmd != nil && e.Name != contract.AnyOther {
		return cmd, e.Args
	}
	if cmd = h.commands[name{m.home.Name, contract.AnyOther}]; cmd != nil {
		args = []json.RawMessage{encoded(contract.Other{Event: e.Name, Args: append([]json.RawMessage{}, e.Args...)})}
	}
	return cmd, args
}

// accept makes the input of a command, and decides whether it is sent on. Whatever came
// counts for its rates first.
func (c *command) accept(caller contract.Caller, args []json.RawMessage) (input json.RawMessage, a contract.Admission, err error) {
	if err = c.Pass(caller); err == nil {
		input, err = argument(c.in, args)
	}
	if err == nil {
		a, err = c.AcceptPassed(caller, input)
	}
	return input, a, err
}

// notAccepted tells the client why its command is not sent on, and ends the socket if the
// guard that has refused says so.
func (h *handler) notAccepted(s *sockets.Socket, e sockets.Event, cmd *command, user string, err error) {
	problem := fault.ProblemOf(byPosition(cmd.in.Args, err), "")
	if problem.Code == fault.Internal {
		h.log.Error("cannot admit a command", "operation", cmd.Operation, "error", err)
	}
	h.refuse(s, e, cmd.metrics, problem)
	var denied *contract.Denial
	if errors.As(err, &denied) && denied.Disconnect {
		h.log.Info("a guard disconnected a socket", "guard", denied.Guard, "operation", cmd.Operation, "socket", s.ID(), "user", user)
		s.Disconnect()
	}
}

// argument is what the contract knows as the input: the one argument, where none is an
// empty object, or an object of several, by their names.
func argument(s contract.Shape, args []json.RawMessage) (json.RawMessage, error) {
	switch {
	case s.Args != nil:
		return named(s, args)
	case len(args) == 0:
		return json.RawMessage(`{}`), nil
	case len(args) == 1:
		return args[0], nil
	}
	return nil, fault.New(fault.Invalid, "send one argument, an object; this event came with %d", len(args))
}

// named is the object that arguments are. An argument that may be missing is so where it
// is null, which is what JSON makes of undefined.
func named(s contract.Shape, args []json.RawMessage) (json.RawMessage, error) {
	names := s.Args
	if len(args) > len(names) {
		return nil, fault.New(fault.Invalid, "send at most %d arguments; this event came with %d", len(names), len(args))
	}
	size := 2
	for i, arg := range args {
		size += len(names[i]) + len(arg) + 4
	}
	object := append(make([]byte, 0, size), '{')
	for i, arg := range args {
		if i >= s.Needed && string(arg) == "null" {
			continue
		}
		if len(object) > 1 {
			object = append(object, ',')
		}
		object = append(append(append(object, '"'), names[i]...), `":`...) // schema.For has checked the name
		object = append(object, arg...)
	}
	return append(object, '}'), nil
}

// byPosition makes the pointers of an error those of the client, who has sent arguments
// and no names.
func byPosition(names []string, err error) error {
	var f *fault.Fault
	if names == nil || !errors.As(err, &f) || len(f.Fields) == 0 {
		return err
	}
	positioned := *f
	positioned.Fields = slices.Clone(f.Fields)
	for i, field := range f.Fields {
		for n, name := range names {
			if rest, ok := within(field.Pointer, name); ok {
				positioned.Fields[i].Pointer = "/" + strconv.Itoa(n) + rest
			}
		}
	}
	return &positioned
}

// within tells whether a pointer is to a member or into it, and returns its rest.
func within(pointer, name string) (rest string, ok bool) {
	n := 1 + len(name)
	if len(pointer) < n || pointer[1:n] != name || len(pointer) > n && pointer[n] != '/' {
		return "", false
	}
	return pointer[n:], true
}

// payload is a JSON value as it is written on a socket.
func payload(s contract.Shape, value json.RawMessage) sockets.Payload {
	p := sockets.Payload{JSON: value, Spread: s.Args != nil, Binary: s.Binary}
	if s.Needed < len(s.Args) {
		p.Names = s.Args
	}
	return p
}
