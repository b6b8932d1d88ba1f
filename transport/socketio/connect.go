package socketio

import (
	"encoding/json"
	"errors"
	"maps"

	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/internal/tracing"
	"github.com/example/switchyard/transport/socketio/sockets"
)

// A home is what is to be done when sockets come into a namespace.
type home struct {
	contract.Namespace
	catalog  *contract.Catalog
	connect  *contract.Route // its OnConnect command
	departed *contract.Route // its OnDisconnect command
}

func newHome(c *contract.Catalog, n contract.Namespace) *home {
	h := &home{Namespace: n, catalog: c}
	if r, ok := c.Route(n.OnConnect); ok {
		h.connect = &r
	}
	if r, ok := c.Route(n.OnDisconnect); ok {
		h.departed = &r
	}
	return h
}

// known tells whether there is a namespace of this name, or a pattern of it.
func (g *Gateway) known(namespace string) bool {
	_, _, ok := g.catalog.Namespace(namespace)
	return ok
}

// home finds the home of a namespace, and what its name has for the parts in braces.
func (g *Gateway) home(namespace string) (*home, map[string]string) {
	if h := g.homes[namespace]; h != nil {
		return h, nil
	}
	n, params, _ := g.catalog.Namespace(namespace)
	return g.homes[n.Name], params
}

// Connect lets a socket in or refuses it. While it waits for the use case, nothing more is
// read of the client.
func (h *handler) Connect(s *sockets.Socket) error {
	to, params := (*Gateway)(h).home(s.Namespace())
	err := h.admit(s, to, params)
	var code fault.Code
	var refused *sockets.Refusal
	if errors.As(err, &refused) {
		code = fault.Code(refused.Message)
	}
	h.metrics.Connected(to.Name, code)
	if err != nil && s.Data != nil {
		h.gone(s, string(contract.ConnectionClosed)) // from rooms, too, that it was put in meanwhile
	}
	return err
}

// admit authenticates a socket, asks the guards and the use case, and puts the socket in
// its user's room.
func (h *handler) admit(s *sockets.Socket, to *home, params map[string]string) error {
	hs := s.Handshake()
	caller, expires, err := h.auth.Handshake(hs.Auth, hs.Header)
	if err != nil {
		return h.refusal("authenticate a socket", err)
	}
	caller.Socket = s.ID()
	if to.Dynamic() {
		caller.Namespace, caller.Params = s.Namespace(), params
	}
	m := &member{home: to, trace: tracing.Given(hs.Auth)}
	m.by.Store(&caller)
	s.Data = m
	connecting := contract.Connecting{Auth: hs.Auth, Header: hs.Header, Query: hs.Query, Address: hs.Address, Secure: hs.Secure}
	if err := to.catalog.MayConnect(to.Namespace, caller, connecting); err != nil {
		return h.refusal("ask the guards on connect", err)
	}
	s.Listen()
	s.Join(userPrefix + caller.UserID)
	var trace tracing.Header
	if to.connect != nil {
		if trace, err = h.askUseCase(s, to, connecting); err != nil {
			return err
		}
	}
	if route := to.departed; route != nil && perSocket(route) {
		if m.stay, err = h.enter(route, caller, disconnected(contract.NodeLost), trace); err != nil {
			return h.refusal("note that a socket is connected", err)
		}
	}
	h.until(s, m, caller, expires)
	return nil
}

// askUseCase lets the namespace's use case decide. Its effects are there before the client is
// told that it is connected. It returns the trace of the answer.
func (h *handler) askUseCase(s *sockets.Socket, to *home, c contract.Connecting) (trace tracing.Header, err error) {
	caller := memberOf(s).caller()
	input, err := json.Marshal(h.withoutSecrets(c))
	if err != nil {
		return trace, h.refusal("encode a handshake", err)
	}
	admission, err := to.connect.Admit(caller, input)
	if err != nil {
		return trace, h.refusal("admit "+to.connect.Operation, err)
	}
	answered := make(chan broker.Reply, 1)
	h.lanes.Submit(&broker.Command{
		Operation: to.connect.Operation, Key: admission.Key, Caller: caller, Input: input, Timeout: to.connect.Timeout,
		Trace: memberOf(s).trace,
	}, func(r broker.Reply) {
		h.apply(s, r)
		switch {
		case !r.Late:
			answered <- r
		case r.Code == "":
			h.turnedAway(s, r.Trace)
		}
	})
	r := <-answered
	if r.Code != "" {
		return trace, &sockets.Refusal{Message: string(r.Code), Data: r.Body}
	}
	return r.Trace, nil
}

// turnedAway tells the use case that a socket has gone which it let in too late: the
// client is refused. The rooms are told as of any socket that has gone.
func (h *handler) turnedAway(s *sockets.Socket, trace tracing.Header) {
	route := memberOf(s).home.departed
	if route == nil || !perSocket(route) {
		return
	}
	stay, err := h.enter(route, memberOf(s).caller(), disconnected(contract.NodeLost), trace)
	if err != nil {
		h.log.Error("nobody will be told that a socket has gone", "socket", s.ID(), "error", err)
		return
	}
	stay.End(disconnected(contract.ConnectionClosed))
}

// withoutSecrets is what is written of a handshake. Streams and dead letters are kept.
func (h *handler) withoutSecrets(c contract.Connecting) contract.Connecting {
	c.Header, c.Query = maps.Clone(c.Header), maps.Clone(c.Query)
	secret := func(name string, _ []string) bool { return h.secrets.Has(name) }
	maps.DeleteFunc(c.Header, secret)
	maps.DeleteFunc(c.Query, secret)
	c.Auth = h.secrets.Drop(c.Auth)
	return c
}

// refusal makes an error what a refused client sees.
func (h *handler) refusal(what string, err error) error {
	problem := fault.ProblemOf(err, "")
	if problem.Code == fault.Internal {
		h.log.Error("cannot "+what, "error", err)
	}
	return &sockets.Refusal{Message: string(problem.Code), Data: problem.JSON()}
}

// Disconnect tells the namespace's use case.
func (h *handler) Disconnect(s *sockets.Socket, reason string) {
	h.gone(s, reason)
}
