// Package admin is the server's side of the official Socket.IO Admin UI
// (@socket.io/admin-ui 0.5): it shows operators the nodes, in development mode also the
// sockets, rooms and events, and does what they ask for: emit, join, leave, disconnect.
//
// The UI is a Socket.IO client of the namespace /admin, which a small server of its own
// holds on the admin port: none of it passes the service's namespaces, guards or lanes of
// commands. The node that an operator is connected to asks all nodes over the lanes of
// events (broker.Asker), and each answers for itself (node.go): nothing is said while
// nobody looks. What a node remembers for that is its Record, which is nil where the UI
// is off, so that nothing is paid for it.
//
// It authenticates nobody but operators, by one name and a bcrypt hash (login.go), and
// never shows the secrets of clients: tokens, cookies, and what is named like one. Start
// at Server.
package admin

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/cors"
	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/internal/logging"
	"github.com/example/switchyard/transport/socketio"
	"github.com/example/switchyard/transport/socketio/engineio"
	"github.com/example/switchyard/transport/socketio/sockets"
)

// Path is where the UI looks for the server, unless an operator tells it otherwise.
const Path = "/socket.io/"

const namespace = "/admin" // likewise

// Config is what a Server can be told. It should be the same on every node.
type Config struct {
	User         string
	PasswordHash string // bcrypt
	Development  bool   // show sockets, rooms and events too: a burden with thousands of sockets
	ReadOnly     bool   // refuse what would change anything
	Origins      cors.Policy
}

// Nodes asks all nodes that hold sockets. *broker.Asker is one.
type Nodes interface {
	Nodes(ctx context.Context, namespace string, question json.RawMessage) (answers map[string]broker.Answer, missing []string, err error)
}

// A Server serves operators on one node. It is an http.Handler, to be mounted at Path.
// A nil Server is one that is off.
type Server struct {
	http.Handler
	cfg     Config
	login   *login
	nodes   Nodes
	node    *node
	sockets *sockets.Server
	admins  atomic.Int32 // that are connected
	log     *slog.Logger
}

// Limits of operators' connections, most of whom have not logged in yet.
const (
	maxAdmins     = 32
	maxPerAddress = 64
	maxPayload    = 100_000  // bytes that one of them sends at once
	maxQueued     = 16 << 20 // bytes that wait for one of them
	eventRate     = 20
)

// New makes a server. name and boot are this node's on the lanes.
func New(cfg Config, r *Record, g *socketio.Gateway, n Nodes, s Sessions, name, boot string, log *slog.Logger) *Server {
	log = logging.Of(log, logging.Admin)
	srv := &Server{cfg: cfg, nodes: n, log: log, login: newLogin(cfg, s, log), node: newNode(cfg, r, g, name, boot, log)}
	srv.sockets = sockets.New(sockets.Config{
		Path: Path, MaxNamespaces: 1, EventRate: eventRate,
		Engine: engineio.Config{
			Allow: cfg.Origins.Check, ConnsPerAddress: maxPerAddress, MaxPayload: maxPayload, QueueBytes: maxQueued, Log: log,
		},
	}, []string{namespace}, (*handler)(srv))
	srv.Handler = cfg.Origins.Middleware(srv.sockets)
	return srv
}

// Answering has a gateway answer what operators on any node ask, and next the rest.
func (srv *Server) Answering(next func(broker.Question, func(broker.Answer))) func(broker.Question, func(broker.Answer)) {
	if srv == nil {
		return next
	}
	return func(q broker.Question, done func(broker.Answer)) {
		if q.Action != broker.AskNode || q.Namespace != namespace {
			next(q, done)
			return
		}
		srv.node.answer(q.Payload, done)
	}
}

// Shutdown closes the operators' connections, and cuts what has not closed when ctx ends.
func (srv *Server) Shutdown(ctx context.Context) {
	if srv != nil {
		srv.sockets.Shutdown(ctx)
	}
}

// features are what the UI offers.
func (srv *Server) features() []string {
	var all []string
	if !srv.cfg.ReadOnly {
		all = append(all, "EMIT", "JOIN", "LEAVE", "DISCONNECT", "MJOIN", "MLEAVE", "MDISCONNECT")
	}
	all = append(all, "AGGREGATED_EVENTS")
	if srv.cfg.Development {
		all = append(all, "ALL_EVENTS")
	}
	return all
}

// handler is the Server as sockets sees it, apart so that its methods are not the
// Server's.
type handler Server

// Connect lets an operator in, who is told of the cluster from then on.
func (h *handler) Connect(s *sockets.Socket) error {
	hs, srv := s.Handshake(), (*Server)(h)
	session, ok := h.login.admit(hs.Auth, hs.Address)
	if !ok {
		return &sockets.Refusal{Message: "invalid credentials"} // the UI knows these words
	}
	if h.admins.Add(1) > maxAdmins {
		h.admins.Add(-1)
		return &sockets.Refusal{Message: "too many admins"}
	}
	ctx, stop := context.WithCancel(context.Background())
	s.Data = stop
	if session != "" {
		s.Emit("session", sockets.JSON(encoded(session)))
	}
	s.Emit("config", sockets.JSON(encoded(map[string]any{"supportedFeatures": srv.features()})))
	go newWatch(srv, s).run(ctx)
	return nil
}

// Disconnect follows the end of an operator's connection.
func (h *handler) Disconnect(s *sockets.Socket, _ string) {
	s.Data.(context.CancelFunc)()
	h.admins.Add(-1)
}

// Exceeded answers an operator who asks for too much at a time.
func (h *handler) Exceeded(s *sockets.Socket, ack sockets.AckID, _ sockets.Limit) {
	s.Ack(ack, sockets.JSON(fault.ProblemOf(fault.New(fault.Exhausted, "this connection asks for more than %d actions a second", eventRate).After(time.Second), "").JSON()))
}

// Event does what an operator asks for, on all nodes. It waits for them, so that what one
// operator asks for is done in that order.
func (h *handler) Event(s *sockets.Socket, e sockets.Event) {
	defer s.Answered()
	defer s.Done()
	done, err := (*Server)(h).act(e)
	if err != nil {
		h.log.Warn("an admin's action was not done", "admin", h.cfg.User, "event", short(e.Name), "error", err)
		s.Ack(e.Ack, sockets.JSON(fault.ProblemOf(err, "").JSON()))
		return
	}
	s.Ack(e.Ack, sockets.JSON(encoded(done)))
}

const actionWithin = 3 * time.Second

// act has all nodes do something, and returns what came of it.
func (srv *Server) act(e sockets.Event) (done outcome, err error) {
	a, err := parseAction(e.Name, e.Args)
	if err == nil && srv.cfg.ReadOnly {
		err = errReadOnly
	}
	if err != nil {
		return done, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), actionWithin)
	defer cancel()
	answers, missing, err := srv.nodes.Nodes(ctx, namespace, encoded(question{Act: &a}))
	if err != nil {
		return done, err
	}
	done.Missing = append([]string{}, missing...)
	for _, answer := range answers {
		done.Sockets += answer.Count
	}
	srv.log.Info("an admin acted", "admin", srv.cfg.User, "action", a.Do, "namespace", a.Namespace,
		"filter", a.Filter, "room", a.Room, "event", a.Event, "sockets", done.Sockets, "missing_nodes", missing)
	return done, nil
}

// An outcome is what the UI would hear of an action, if it asked.
type outcome struct {
	Sockets int      `json:"sockets"` // that were found
	Missing []string `json:"missing"` // nodes that did not answer, or would not
}

// encoded is for what can always be encoded.
func encoded(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // texts and numbers: cannot happen
	}
	return b
}
