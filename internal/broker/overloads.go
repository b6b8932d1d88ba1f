package broker

import (
	"errors"
	"sync/atomic"

	"github.com/example/switchyard/internal/fault"
)

// Overloads counts the commands that were answered "overloaded", by what was full.
type Overloads struct {
	InFlight uint64 // NODE_IN_FLIGHT: too many waited for a reply
	Backlog  uint64 // PARTITION_BACKLOG: too many waited to be run
	Queue    uint64 // too much waited to be sent to Redis
}

type overloads struct{ inFlight, backlog, queue atomic.Uint64 }

// Overloaded counts what this node has refused so far.
func (g *Gateway) Overloaded() Overloads {
	return Overloads{g.overloads.inFlight.Load(), g.overloads.backlog.Load(), g.overloads.queue.Load()}
}

// count counts a refusal, if it is one of these.
func (o *overloads) count(err error) {
	var f *fault.Fault
	if !errors.As(err, &f) {
		return
	}
	switch f {
	case errOverloaded:
		o.inFlight.Add(1)
	case errBacklog:
		o.backlog.Add(1)
	case errQueueFull:
		o.queue.Add(1)
	}
}
