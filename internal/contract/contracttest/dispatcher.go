package contracttest

import (
	"context"
	"slices"
	"sync"

	"github.com/example/switchyard/internal/contract"
)

// A Dispatcher remembers what it is to send. Safe for concurrent use.
//
//	d := new(contracttest.Dispatcher)
//	…
//	got := contracttest.Submitted(d.Sent(), reminders.Remind)
type Dispatcher struct {
	mu   sync.Mutex
	sent []contract.Effect
}

var _ contract.Dispatcher = (*Dispatcher)(nil)

// Dispatch remembers a command.
func (d *Dispatcher) Dispatch(_ context.Context, s contract.Submission, _ contract.Caller) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sent = append(d.sent, s)
	return nil
}

// Sent is what was dispatched, for Submitted.
func (d *Dispatcher) Sent() []contract.Effect {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.sent)
}
