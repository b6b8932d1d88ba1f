package socketio

import (
	"encoding/json"

	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/transport/socketio/sockets"
)

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

// change changes sessions by name; null takes one away.
func (m *member) change(changes map[string]json.RawMessage) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.sessions == nil {
		m.sessions = map[string]json.RawMessage{}
	}
	for name, value := range changes {
		if string(value) == "null" {
			delete(m.sessions, name)
			continue
		}
		m.sessions[name] = value
	}
	if len(m.sessions) == 0 {
		m.session.Store(nil)
		return nil
	}
	all, err := json.Marshal(m.sessions)
	if err != nil {
		return err
	}
	m.session.Store((*json.RawMessage)(&all))
	return nil
}
