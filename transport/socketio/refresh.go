package socketio

import (
	"encoding/json"
	"time"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/internal/tracing"
	"github.com/example/switchyard/transport/socketio/sockets"
)

var errSomebodyElse = fault.New(fault.Forbidden, "this is another user's, or another tenant's; connect again to be somebody else")

// refresh answers contract.Refresh: its argument is an auth object as for connecting. On
// a problem nothing has changed, and the old token holds until it expires.
func (h *handler) refresh(s *sockets.Socket, e sockets.Event) {
	auth, err := argument(contract.Shape{}, e.Args)
	if err == nil {
		err = h.renew(s, auth)
	}
	if err != nil {
		problem := fault.ProblemOf(err, "")
		if problem.Code == fault.Internal {
			h.log.Error("cannot refresh a token", "error", err)
		}
		h.refuse(s, e, h.metrics.Operation(contract.Refresh), problem)
		return
	}
	h.metrics.Operation(contract.Refresh).Answered("")
	s.Ack(e.Ack, sockets.JSON(json.RawMessage(`{}`)))
}

// renew lets a socket stay with other roles, and for longer. Who could not connect with
// the new token may not stay with it either.
func (h *handler) renew(s *sockets.Socket, auth json.RawMessage) error {
	m, hs := memberOf(s), s.Handshake()
	caller, expires, err := h.auth.Handshake(auth, nil)
	if err != nil {
		return err
	}
	old := m.caller()
	if caller.UserID != old.UserID || caller.Tenant != old.Tenant {
		return errSomebodyElse
	}
	caller.Socket, caller.Namespace, caller.Params = old.Socket, old.Namespace, old.Params
	connecting := contract.Connecting{Auth: auth, Header: hs.Header, Query: hs.Query, Address: hs.Address, Secure: hs.Secure}
	if err := m.home.catalog.MayConnect(m.home.Namespace, caller, connecting); err != nil {
		return err
	}
	if !h.until(s, m, caller, expires) {
		return errExpired
	}
	m.trace = tracing.Given(auth)
	return nil
}

// until makes a socket a caller's up to a time, zero for ever; false if the socket has gone
// or its time was over before.
func (h *handler) until(s *sockets.Socket, m *member, caller contract.Caller, expires time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.gone || m.expiry != nil && !m.expiry.Stop() {
		return false
	}
	m.by.Store(&caller)
	m.expiry = nil
	if !expires.IsZero() {
		m.expiry = h.clock.after(expires.Sub(h.clock.now()), func() { h.expire(s) })
	}
	return true
}
