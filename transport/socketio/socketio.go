// Package socketio is the gateway: it turns what clients send over Socket.IO into
// commands on the lanes, and puts replies and events back on their sockets.
//
// Namespaces and commands come from the catalog alone, so this package is never
// edited to add one. An event is checked against its command's schema and guards
// before it becomes a message; its answer is the use case's output as it is, or a
// problem. What a reply changes of the socket, its rooms and its session, is applied
// before the answer is sent.
//
// The library with all its faults is one level down, in sockets. This package runs
// no use case and knows none. Start at Gateway.
package socketio

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/google/wire"

	"github.com/example/switchyard/internal/auth"
	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/cors"
	"github.com/example/switchyard/internal/emitter"
	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/internal/logging"
	"github.com/example/switchyard/internal/metrics"
	"github.com/example/switchyard/internal/schema"
	"github.com/example/switchyard/internal/tracing"
	"github.com/example/switchyard/transport/socketio/sockets"
)

// Set provides the gateway, also as the emitter's sink.
var Set = wire.NewSet(New, wire.Bind(new(emitter.Sink), new(*Gateway)))

// Lanes carries commands to use cases. *broker.Gateway is one.
type Lanes interface {
	Submit(*broker.Command, func(broker.Reply))
	// Enter notes that a socket is in a room; the command is submitted when that ends
	// with its connection, or with this process.
	Enter(*broker.Command) (broker.Stay, error)
}

// A Gateway holds the sockets of this node. It is the emitter's sink.
type Gateway struct {
	lanes    Lanes
	auth     *auth.Authenticator
	log      *slog.Logger
	sockets  *sockets.Server
	commands map[name]*command
	asks     map[name]*ask
	catalog  *contract.Catalog
	secrets  logging.Secrets  // of handshakes: not put on the lanes
	homes    map[string]*home // by the name of the namespace as it is declared
	exceeded map[sockets.Limit]json.RawMessage
	refusing atomic.Bool
	origins  map[string]cors.Policy // of mounts, by their path
	mistakes error
	clock    clock
	metrics  *metrics.Metrics
}

// A name is how clients know a command or a question.
type name struct{ namespace, event string }

var _ emitter.Sink = (*Gateway)(nil)

// Rooms of use cases and of users share the index of the sockets package, so each
// kind has a prefix.
const (
	roomPrefix = "room:"
	userPrefix = "user:"
)

// New makes the gateway of a contract. cfg gives the limits; what decides (Dynamic, Serves,
// Mounts, Exceeded and the Engine's Allow) and the Engine's Log are set here.
func New(c *schema.Contract, lanes Lanes, a *auth.Authenticator, origins cors.Policy, cfg sockets.Config, count *metrics.Metrics, log *slog.Logger, mounts ...Mount) *Gateway {
	g := &Gateway{
		lanes: lanes, auth: a, log: logging.Of(log, logging.Socket), clock: systemClock, commands: map[name]*command{}, asks: map[name]*ask{},
		catalog: c.Catalog, secrets: logging.SecretsOf(c.Catalog), homes: map[string]*home{}, metrics: count,
	}
	for _, cmd := range c.Commands {
		if !cmd.Internal {
			g.commands[name{cmd.Namespace.Name, cmd.Event}] = newCommand(cmd, count)
		}
	}
	for _, a := range c.Asks {
		g.asks[name{a.Namespace.Name, a.Name}] = newAsk(a)
	}
	var namespaces []string
	for _, n := range c.Namespaces {
		g.homes[n.Name] = newHome(c.Catalog, n)
		if n.Name == "/" && cfg.Engine.AllowEIO3 {
			g.mistakes = errors.New("the namespace / is declared, which clients of protocol 3 enter before they say who they are: set SOCKET_EIO3=false, or give the namespace a name, like /noun")
		}
		if n.Dynamic() {
			cfg.Dynamic = g.known
		} else {
			namespaces = append(namespaces, n.Name)
		}
	}
	g.exceeded = exceeded(cfg)
	cfg.Exceeded = &sockets.Refusal{Message: string(fault.Exhausted), Data: g.exceeded[sockets.RateLimit]}
	cfg.Engine.Log = log
	g.mount(mounts, origins, &cfg)
	g.sockets = sockets.New(cfg, namespaces, (*handler)(g))
	return g
}

// ServeHTTP serves Socket.IO's requests, websockets and polling.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) { g.sockets.ServeHTTP(w, r) }

// Hold puts off writing to clients until Release, for whoever hands over many replies and
// events in a moment: what goes to one client leaves together then. Release follows soon.
func (g *Gateway) Hold() { g.sockets.Hold() }

// Release lets go what Hold has put off. It does not wait for clients.
func (g *Gateway) Release() { g.sockets.Release() }

// Refuse lets no new client connect.
func (g *Gateway) Refuse() { g.refusing.Store(true) }

// SendAway closes connections, spread over a time, so that their clients connect again
// elsewhere and not all at once: each when it waits for no answer. It returns when the last
// was told.
func (g *Gateway) SendAway(ctx context.Context, over time.Duration) { g.sockets.SendAway(ctx, over) }

// Shutdown closes all connections and waits until they have gone. Those that have not
// gone when ctx ends are cut.
func (g *Gateway) Shutdown(ctx context.Context) {
	if cut := g.sockets.Shutdown(ctx); cut > 0 {
		g.log.Warn("cut connections that did not close", "connections", cut)
	}
}

// handler is the Gateway as sockets sees it, apart so that its methods are not the
// Gateway's.
type handler Gateway

// Event sends one command on. It does not wait for the reply.
func (h *handler) Event(s *sockets.Socket, e sockets.Event) {
	submitted := false
	defer func() {
		if v := recover(); v != nil {
			h.log.Error("a command's declaration panicked", "namespace", s.Namespace(), "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
			h.refuse(s, e, h.metrics.Operation(""), fault.ProblemOf(fmt.Errorf("panic: %v", v), ""))
		}
		if !submitted {
			s.Done()
			s.Answered()
		}
	}()
	if e.Name == contract.Refresh {
		h.refresh(s, e)
		return
	}
	m := memberOf(s)
	cmd, args := h.commandOf(m, e)
	if cmd == nil {
		h.refuse(s, e, h.metrics.Operation(""), fault.ProblemOf(fault.New(fault.NotFound, "the namespace %s has no such event", s.Namespace()), ""))
		return
	}
	caller := m.caller()
	if session := m.session.Load(); session != nil {
		caller.Session = *session
	}
	input, admission, err := cmd.accept(caller, args)
	if err != nil {
		h.notAccepted(s, e, cmd, caller.UserID, err)
		return
	}
	submitted = true
	ack := e.Ack
	h.lanes.Submit(&broker.Command{
		Operation: cmd.Operation, Key: admission.Key, IdempotencyKey: admission.IdempotencyKey,
		Caller: caller, Input: input, Timeout: cmd.Timeout, Trace: m.trace,
	}, func(r broker.Reply) { h.reply(s, cmd, ack, r) })
}

// Emit sends an event to its audience on this node, and returns how many that are. A
// payload that is no JSON would break the connections of all who hear it.
func (g *Gateway) Emit(e emitter.Emission) (heard int, err error) {
	to := audience(e.To)
	n := g.sockets.Count(e.Namespace, to)
	if n == 0 {
		return 0, nil
	}
	p := sockets.Payload{JSON: e.Payload, Spread: e.Spread, Names: e.Arguments, Binary: e.Binary}
	if err := p.Check(); err != nil {
		return 0, err
	}
	g.sockets.Broadcast(e.Namespace, to, e.Event, p, e.Volatile)
	return n, nil
}

// Move puts the sockets of an audience on this node in rooms, or takes them out.
func (g *Gateway) Move(namespace string, who emitter.Audience, rooms []string, leave bool) {
	names := make([]contract.Room, len(rooms))
	for i, n := range rooms {
		names[i] = contract.Room(n)
	}
	for _, s := range g.sockets.Find(namespace, audience(who)) {
		if leave {
			(*handler)(g).leave(s, names)
		} else {
			(*handler)(g).join(s, names, tracing.Header{})
		}
	}
}

// Disconnect ends sockets on this node.
func (g *Gateway) Disconnect(namespace string, who emitter.Audience, reason string) {
	for _, s := range g.sockets.Find(namespace, audience(who)) {
		g.log.Info("a use case disconnected a socket", "socket", s.ID(), "reason", reason)
		s.Disconnect()
	}
}

// Resync tells every socket on this node that it may have missed events.
func (g *Gateway) Resync(reason string) {
	g.metrics.Resyncs.Inc()
	payload, err := json.Marshal(contract.ResyncPayload{Rooms: []string{}, Reason: reason})
	if err != nil {
		g.log.Error("cannot encode a resync", "error", err)
		return
	}
	for _, n := range g.sockets.Namespaces() {
		g.sockets.Broadcast(n, sockets.Audience{Everyone: true}, contract.Resync, sockets.JSON(payload), false)
	}
}

func audience(to emitter.Audience) sockets.Audience {
	return sockets.Audience{
		Everyone: to.Everyone, Sockets: to.Sockets, Except: to.Except,
		Rooms: append(prefixed(roomPrefix, to.Rooms), prefixed(userPrefix, to.Users)...),
	}
}

func prefixed[T ~string](prefix string, names []T) []string {
	if len(names) == 0 {
		return nil
	}
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = prefix + string(n)
	}
	return out
}
