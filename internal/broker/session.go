package broker

import (
	"encoding/json"
	"fmt"

	"github.com/example/switchyard/internal/contract"
)

// change adds what changes in the session of the caller's socket. It travels with the
// reply, as rooms do.
func (r *resultsOf) change(e contract.SessionChange) error {
	value := json.RawMessage("null")
	if !e.Clear {
		var err error
		if value, err = json.Marshal(e.Value); err != nil {
			return fmt.Errorf("%s: encode the session %s: %w", r.c.Operation, e.Name, err)
		}
	}
	if len(value) > contract.MaxSession {
		return fmt.Errorf("%s: the session %s has %d bytes, more than %d: it comes with each command", r.c.Operation, e.Name, len(value), contract.MaxSession)
	}
	if r.session == nil {
		r.session = map[string]json.RawMessage{}
	}
	r.session[e.Name] = value
	return nil
}
