package socketio

import (
	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/transport/socketio/sockets"
)

// A home is what is to be done when sockets come into a namespace and go.
type home struct {
	contract.Namespace
	catalog *contract.Catalog
}

// Connect authenticates a socket and puts it in its user's room.
func (h *handler) Connect(s *sockets.Socket) error {
	hs := s.Handshake()
	caller, expires, err := h.auth.Handshake(hs.Auth, hs.Header)
	if err != nil {
		return h.refusal("authenticate a socket", err)
	}
	caller.Socket = s.ID()
	if err := h.mayConnect(s, caller); err != nil {
		return err
	}
	m := &member{caller: caller}
	s.Data = m
	if !expires.IsZero() {
		m.expiry = h.clock.after(max(expires.Sub(h.clock.now()), leastStay), func() { h.expire(s) })
	}
	s.Join(userPrefix + caller.UserID)
	return nil
}

// mayConnect asks the guards on connect.
func (h *handler) mayConnect(s *sockets.Socket, caller contract.Caller) error {
	to := h.homes[s.Namespace()]
	if err := to.catalog.MayConnect(to.Namespace, caller, connecting(s.Handshake())); err != nil {
		return h.refusal("ask the guards on connect", err)
	}
	return nil
}

func connecting(hs sockets.Handshake) contract.Connecting {
	return contract.Connecting{Auth: hs.Auth, Header: hs.Header, Query: hs.Query, Address: hs.Address, Secure: hs.Secure}
}

// refusal makes an error what a refused client sees.
func (h *handler) refusal(what string, err error) error {
	problem := fault.ProblemOf(err, "")
	if problem.Code == fault.Internal {
		h.log.Error("cannot "+what, "error", err)
	}
	return &sockets.Refusal{Message: string(problem.Code), Data: problem.JSON()}
}

// Disconnect tells the namespace's use case of each room that the socket was in.
func (h *handler) Disconnect(s *sockets.Socket, _ []string, reason string) {
	h.gone(s, reason)
}
