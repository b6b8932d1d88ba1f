package socketio

import (
	"time"

	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/transport/socketio/sockets"
)

// A clock tells the time, and calls something later.
type clock struct {
	now   func() time.Time
	after func(time.Duration, func()) stopper
}

type stopper interface{ Stop() bool }

var systemClock = clock{now: time.Now, after: func(d time.Duration, f func()) stopper { return time.AfterFunc(d, f) }}

var errExpired = fault.New(fault.Unauthenticated, "the token of this connection has expired; send auth.refresh before that, or connect again with a new one")

// expire ends a socket whose token has expired: it hears why, as an "error" event, and
// then DISCONNECT, after which clients do not come back by themselves.
func (h *handler) expire(s *sockets.Socket) {
	s.Emit("error", sockets.JSON(fault.ProblemOf(errExpired, "").JSON()))
	s.Disconnect()
}
