package socketio

import (
	"encoding/json"
	"time"

	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/internal/metrics"
	"github.com/example/switchyard/transport/socketio/sockets"
)

// reply applies what a reply changes of the socket, then answers.
func (h *handler) reply(s *sockets.Socket, cmd *command, ack sockets.AckID, r broker.Reply) {
	if !r.Late {
		s.Done()
		cmd.metrics.Answered(r.Code)
		defer s.Answered()
	}
	h.apply(s, r)
	switch {
	case r.Late:
	case r.Code != "":
		answerProblem(s, ack, r.Body)
	default:
		s.Ack(ack, payload(cmd.out, r.Body))
	}
}

// apply applies what a reply changes of its socket: rooms and session.
func (h *handler) apply(s *sockets.Socket, r broker.Reply) {
	h.join(s, r.Join, r.Trace)
	h.leave(s, r.Leave)
	if len(r.Session) == 0 {
		return
	}
	var changes map[string]json.RawMessage
	err := json.Unmarshal(r.Session, &changes)
	if err == nil {
		err = memberOf(s).change(changes)
	}
	if err != nil {
		h.log.Error("cannot change the session of a socket", "socket", s.ID(), "error", err)
	}
}

// refuse answers with a problem an event that is not sent on.
func (*handler) refuse(s *sockets.Socket, e sockets.Event, o *metrics.Operation, p fault.Problem) {
	o.Answered(p.Code)
	answerProblem(s, e.Ack, p.JSON())
}

// answerProblem sends a problem as the acknowledgement, or as an "error" event to who wants none.
func answerProblem(s *sockets.Socket, ack sockets.AckID, problem json.RawMessage) {
	if ack == sockets.NoAck {
		s.Emit("error", sockets.JSON(problem))
		return
	}
	s.Ack(ack, sockets.JSON(problem))
}

// Exceeded answers a command that is one too many of its connection.
func (h *handler) Exceeded(s *sockets.Socket, ack sockets.AckID, limit sockets.Limit) {
	answerProblem(s, ack, h.exceeded[limit])
}

// exceeded are the problems of the limits. They are the same for everybody: a flood is
// not worth an encoding each.
func exceeded(cfg sockets.Config) map[sockets.Limit]json.RawMessage {
	perToken := time.Second / time.Duration(max(cfg.EventRate, 1))
	rate := fault.New(fault.Exhausted, "this connection sends more than %d commands a second", cfg.EventRate).
		After(perToken) // there is room for one more by then
	open := fault.New(fault.Exhausted, "%d commands of this connection wait for an answer already", cfg.EventsOpen).
		After(100 * time.Millisecond)
	return map[sockets.Limit]json.RawMessage{
		sockets.RateLimit: fault.ProblemOf(rate, "").JSON(), sockets.OpenLimit: fault.ProblemOf(open, "").JSON(),
	}
}
