package sockets

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/zishang520/engine.io/v2/engine"
	"github.com/zishang520/socket.io/v2/socket"

	"github.com/example/switchyard/internal/logging"
)

// A Server holds the sockets of this node.
type Server struct {
	cfg          Config
	handler      Handler
	log          *slog.Logger
	doors        []*door           // the first is at Config.Path
	engineEvents engine.BaseServer // where the library hears of connections
	namespaces   map[string]*rooms

	mu      sync.RWMutex
	dynamic map[string]*rooms // namespaces that have sockets

	refused   [OpenLimit + 1]atomic.Uint64 // events, by the limit
	questions questions
}

// New makes a server with these namespaces and no other. Mount it as an http.Handler.
func New(cfg Config, namespaces []string, h Handler) *Server {
	cfg.setDefaults()
	srv := &Server{
		cfg: cfg, handler: h, log: logging.Of(cfg.Engine.Log, logging.Socket), engineEvents: engine.MakeBaseServer(),
		namespaces: map[string]*rooms{}, dynamic: map[string]*rooms{},
	}
	srv.questions.begin()
	cfg.Engine.Log = logging.Of(cfg.Engine.Log, logging.Engine)
	srv.cfg.Engine.Log = cfg.Engine.Log
	srv.open(Mount{Path: cfg.Path, Transports: cfg.Engine.Transports, Allow: cfg.Engine.Allow, Serves: cfg.Serves})
	for _, m := range cfg.Mounts {
		srv.open(m)
	}

	opts := socket.DefaultServerOptions()
	opts.SetPath(cfg.Path)
	opts.SetConnectTimeout(math.MaxInt64) // never: see entry
	opts.SetServeClient(false)
	lib := socket.NewServer(nil, opts)
	lib.Bind(srv.engineEvents)
	// The library makes "/" by itself; unless it is wanted, nobody enters. Clients of
	// protocol 3 are in it always, and can do nothing there.
	lib.Of("/", nil).Use(func(s *socket.Socket, next func(*socket.ExtendedError)) {
		if _, ok := srv.namespaces["/"]; !ok && s.Conn().Protocol() != 3 {
			next(socket.NewExtendedError("Invalid namespace", nil))
			return
		}
		next(nil)
	})
	known := slices.Clone(namespaces)
	for _, name := range namespaces {
		srv.namespaces[name] = newRooms(srv.cfg.Watcher)
	}
	if cfg.Dynamic != nil {
		for i := range cfg.MaxNamespaces + 1 {
			known = append(known, slotName(i))
		}
	}
	for _, name := range known {
		n := lib.Of(name, nil)
		n.Use(func(s *socket.Socket, next func(*socket.ExtendedError)) { next(srv.admit(s)) })
		must(n.On("connection", func(args ...any) { srv.connected(args[0].(*socket.Socket)) }))
	}
	return srv
}

// must is for the library's event emitter, whose methods return an error that is
// always nil.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

// admit runs in the namespace's middleware: whom it lets pass is bound before the
// client is told.
func (srv *Server) admit(lib *socket.Socket) (refused *socket.ExtendedError) {
	defer srv.recovered("admit a socket")
	refused = socket.NewExtendedError("internal", nil) // for a panic
	c := connOf(lib)
	name, slot := c.namespace(lib.Nsp().Name())
	if c.door.serves != nil && !c.door.serves(name) {
		return socket.NewExtendedError("Invalid namespace", nil)
	}
	if c.exceeded {
		return refusal(srv.cfg.Exceeded)
	}
	s := &Socket{
		id: idOf(lib), namespace: name, slot: slot, conn: c, lib: lib,
		handshake: c.handshake(lib), ready: make(chan struct{}), done: make(chan struct{}), home: srv.enter(name),
	}
	defer func() {
		if refused != nil {
			srv.leave(s)
		}
	}()
	if err := srv.handler.Connect(s); err != nil {
		return refusal(err)
	}
	s.Listen()
	s.handshake.Auth = nil // may be long, and a secret
	// From here on Disconnect follows Connect, whatever happens.
	var released sync.Once // the library may tell twice when both sides end it
	must(lib.On("disconnect", func(args ...any) {
		reason, _ := args[0].(string)
		s.end(reason)
		released.Do(func() { c.release(slot) })
	}))
	if !c.bind(s) {
		s.end("connection closed")
		return socket.NewExtendedError("connection closed, connected to this namespace already, or to too many", nil)
	}
	s.home.connected(s)
	return nil
}

// idOf is the id that the library gives a socket. For clients of protocol 3 it makes it of
// the connection's id, with which anybody could speak for the client: theirs is another, and
// they do not hear of it.
func idOf(lib *socket.Socket) string {
	if lib.Conn().Protocol() == 3 {
		return rand.Text()
	}
	return string(lib.Id())
}

func refusal(err error) *socket.ExtendedError {
	var r *Refusal
	if !errors.As(err, &r) {
		r = &Refusal{Message: "internal"}
	}
	var data any
	if len(r.Data) > 0 {
		data = r.Data
	}
	return socket.NewExtendedError(r.Message, data)
}

// connected runs when the client has been told CONNECT.
func (srv *Server) connected(lib *socket.Socket) {
	defer srv.recovered("connect a socket")
	c := connOf(lib)
	if !c.engine.Open() { // it went meanwhile; the library would keep it for ever
		lib.Disconnect(true)
		return
	}
	name, _ := c.namespace(lib.Nsp().Name())
	if s := c.socket([]byte(name)); s != nil {
		s.known()
	}
}

// An Audience is a set of sockets of one namespace on this node: the union of its
// parts, each socket once.
type Audience struct {
	Everyone bool
	Rooms    []string
	Sockets  []string // ids
	Except   []string // ids of sockets to leave out
}

// Broadcast sends an event, whose payload must be JSON, to an audience. It is encoded
// once and does not wait for anybody.
func (srv *Server) Broadcast(namespace string, to Audience, event string, p Payload, volatile bool) {
	home := srv.home(namespace)
	if home == nil {
		return
	}
	var f frames
	home.each(to, func(s *Socket) {
		if f == nil {
			f = srv.eventFrames(namespace, event, NoAck, p)
		}
		s.write(f, volatile)
		s.sent(event, p)
	})
}

// Find returns the sockets of an audience.
func (srv *Server) Find(namespace string, to Audience) []*Socket {
	var found []*Socket
	if home := srv.home(namespace); home != nil {
		home.each(to, func(s *Socket) { found = append(found, s) })
	}
	return found
}

// Count counts the sockets of an audience.
func (srv *Server) Count(namespace string, to Audience) int {
	home := srv.home(namespace)
	switch {
	case home == nil:
		return 0
	case len(to.Except) == 0 && (to.Everyone || len(to.Rooms) == 1 && len(to.Sockets) == 0):
		return home.count(to)
	}
	n := 0
	home.each(to, func(*Socket) { n++ })
	return n
}

// CountRooms counts the rooms of a namespace whose names begin so, and all others.
func (srv *Server) CountRooms(namespace, prefix string) (these, others int) {
	if home := srv.home(namespace); home != nil {
		return home.named(prefix)
	}
	return 0, 0
}

// Refused counts the events that a limit has refused, those that were not told of too.
func (srv *Server) Refused(limit Limit) uint64 { return srv.refused[limit].Load() }

// recovered turns a panic into a log line: one client's goroutine must not end the
// node. Use it with defer.
func (srv *Server) recovered(what string) {
	if v := recover(); v != nil {
		srv.log.Error("recovered from a panic", "while", what, "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
	}
}
