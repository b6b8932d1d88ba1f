package schema

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/fault"
)

// outputs says which outputs are held to their schemas: one in so many; 0 is none.
type outputs struct {
	every  int64
	served atomic.Int64
}

// CheckOutputs has one in so many outputs held to its schema: 1 is each, which it is
// without this call, and 0 is none. Call it before the first command. An output that
// breaks its schema is an accident of the service: the client gets "internal", and the
// log and the dead letter say where it is wrong.
func (c *Contract) CheckOutputs(every int) { c.outputs.every = int64(every) }

// Around puts a middleware around each command: it sees what comes of it in the end, when
// its output was checked, too. Call it before the first command.
func (c *Contract) Around(m contract.Middleware) {
	for i, r := range c.Routes {
		c.Routes[i].Serve = m(r, r.Serve)
	}
}

func (o *outputs) due() bool {
	return o.every == 1 || o.every > 1 && o.served.Add(1)%o.every == 0
}

// around checks what comes of a route in the end, also of its middleware, and says what
// the contract's own error means.
func (o *outputs) around(r contract.Route, v *Validator) contract.Serve {
	serve := r.Serve
	if serve == nil { // Check tells
		return nil
	}
	return func(ctx context.Context, input []byte) (contract.Outcome, error) {
		out, err := serve(ctx, input)
		if errors.Is(err, contract.ErrOtherTenant) {
			return contract.Outcome{}, fault.New(fault.Forbidden, "%s", contract.ErrOtherTenant)
		}
		if err != nil || !o.due() {
			return out, err
		}
		if err := v.breach(out.Output); err != nil {
			return contract.Outcome{}, fmt.Errorf("the output of %s breaks its contract: %w", r.Operation, err)
		}
		return out, nil
	}
}

// breach tells of each mistake in a text where it is, without what is there.
func (v *Validator) breach(text []byte) error {
	mistakes := v.Validate(text)
	if mistakes == nil {
		return nil
	}
	said := make([]string, len(mistakes))
	for i, m := range mistakes {
		said[i] = strings.TrimSpace(m.Pointer + " " + m.Detail)
	}
	return fmt.Errorf("%s", strings.Join(said, "; "))
}
