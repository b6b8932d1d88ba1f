package schema

import (
	"errors"
	"fmt"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/internal/ratelimit"
)

// A Contract is a catalog without mistakes, with the schemas of its commands. Its routes
// decode their inputs by them, which is faster than encoding/json.
type Contract struct {
	*contract.Catalog
	Commands []*Command
	Asks     []*Ask
	Limits   *ratelimit.Limiter // counts for the commands' rates

	outputs *outputs
}

// An Ask is a question to clients with the schema of its answer.
type Ask struct {
	contract.AskSpec
	Answer *Validator
}

// A Command is a route with the schema of its input.
type Command struct {
	contract.Route
	Input *Validator

	gate ratelimit.Gate
}

// Accept decides at the edge whether a command is sent on: its rates and the policies'
// guards let the caller pass, the input matches the schema and passes its Validate
// method, and the command's guards let it pass. Its error is or wraps a fault; that of a
// rate or a guard is a *contract.Denial as well.
func (c *Command) Accept(caller contract.Caller, input []byte) (contract.Admission, error) {
	if err := c.Pass(caller); err != nil {
		return contract.Admission{}, err
	}
	return c.AcceptPassed(caller, input)
}

// Pass counts a command for its rates, and no more than that. A gateway that may find
// something wrong before it has the input asks it first, so that this counts too, and
// AcceptPassed afterwards.
func (c *Command) Pass(caller contract.Caller) error { return c.gate.Pass(caller) }

// AcceptPassed is Accept of a command that Pass has counted.
func (c *Command) AcceptPassed(caller contract.Caller, input []byte) (contract.Admission, error) {
	if c.Permit != nil {
		if err := c.Permit(caller, input); err != nil {
			return contract.Admission{}, c.refusal(err)
		}
	}
	admission, err := c.Admit(caller, input)
	if err != nil {
		return admission, c.refusal(err)
	}
	return admission, nil
}

func (c *Command) refusal(err error) error {
	var answer *fault.Fault
	var rule *contract.InputError
	switch {
	case errors.As(err, &answer):
		return err
	case errors.As(err, &rule):
		return fault.New(fault.Invalid, "%s", rule)
	}
	return fmt.Errorf("admit %s: %w", c.Operation, err)
}
