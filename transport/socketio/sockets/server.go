package sockets

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"sync"
	"time"

	"github.com/zishang520/engine.io/v2/engine"
	"github.com/zishang520/engine.io/v2/transports"
	"github.com/zishang520/engine.io/v2/types"
	"github.com/zishang520/socket.io/v2/socket"
)

// A Server holds the sockets of this node.
type Server struct {
	cfg        Config
	handler    Handler
	lib        *socket.Server
	http       http.Handler
	namespaces map[string]*rooms
	conns      sync.Map // engine.Socket -> *conn
}

// The library keeps its transports in one table for the whole process.
var install = sync.OnceFunc(func() {
	table := transports.Transports()
	table[transports.WEBSOCKET] = &websocketBuilder{}
	table[transports.POLLING] = &pollingBuilder{}
})

type serverKey struct{}

// serverOf finds the server of a request, for the builders of transports, which the
// library tells nothing else.
func serverOf(ctx *types.HttpContext) *Server {
	return ctx.Context().Value(serverKey{}).(*Server)
}

// New makes a server with these namespaces and no other.
func New(cfg Config, namespaces []string, h Handler) *Server {
	install()
	cfg.setDefaults()
	srv := &Server{cfg: cfg, handler: h, namespaces: map[string]*rooms{}}

	opts := socket.DefaultServerOptions()
	opts.SetPath(cfg.Path)
	opts.SetPingInterval(cfg.PingInterval)
	opts.SetPingTimeout(cfg.PingTimeout)
	opts.SetConnectTimeout(cfg.ConnectTimeout)
	opts.SetMaxHttpBufferSize(cfg.MaxPayload)
	opts.SetServeClient(false)
	opts.SetTransports(types.NewSet(transports.POLLING, transports.WEBSOCKET))
	if cfg.Allow != nil {
		opts.SetAllowRequest(func(ctx *types.HttpContext) error { return cfg.Allow(ctx.Request()) })
	}
	srv.lib = socket.NewServer(nil, opts)
	// The library makes "/" by itself; unless it is wanted, nobody enters.
	srv.lib.Of("/", nil).Use(func(_ *socket.Socket, next func(*socket.ExtendedError)) {
		if _, ok := srv.namespaces["/"]; !ok {
			next(socket.NewExtendedError("Invalid namespace", nil))
			return
		}
		next(nil)
	})
	for _, name := range namespaces {
		r := newRooms()
		srv.namespaces[name] = r
		n := srv.lib.Of(name, nil)
		n.Use(func(s *socket.Socket, next func(*socket.ExtendedError)) { next(srv.admit(s, r)) })
		must(n.On("connection", func(args ...any) { srv.connected(args[0].(*socket.Socket)) }))
	}
	handler := srv.lib.ServeHandler(nil)
	must(srv.lib.Engine().On("connection", func(args ...any) { srv.wire(args[0].(engine.Socket)) }))
	srv.http = http.MaxBytesHandler(handler, cfg.MaxPayload)
	return srv
}

// ServeHTTP serves Engine.IO's requests; mount it at Config.Path.
func (srv *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	srv.http.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), serverKey{}, srv)))
}

// admit runs in the namespace's middleware: whom it lets pass is bound before the
// client is told.
func (srv *Server) admit(lib *socket.Socket, home *rooms) (refused *socket.ExtendedError) {
	defer srv.recovered("admit a socket")
	refused = socket.NewExtendedError("internal", nil) // for a panic
	v, ok := srv.conns.Load(lib.Conn())
	if !ok {
		return socket.NewExtendedError("connection closed", nil)
	}
	c := v.(*conn)
	s := &Socket{
		id: string(lib.Id()), namespace: lib.Nsp().Name(), conn: c, lib: lib, home: home,
		handshake: handshake(lib), ready: make(chan struct{}),
	}
	if err := srv.handler.Connect(s); err != nil {
		return refusal(err)
	}
	// From here on Disconnect follows Connect, whatever happens.
	must(lib.On("disconnect", func(args ...any) {
		defer srv.recovered("disconnect a socket")
		s.end(c.reason(args))
	}))
	if !c.bind(s) {
		s.end("connection closed")
		return socket.NewExtendedError("connection closed, or connected to this namespace already", nil)
	}
	s.home.add(s) // what is sent to it from now on waits for CONNECT
	return nil
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
	v, ok := srv.conns.Load(lib.Conn())
	if !ok || lib.Conn().ReadyState() != "open" { // it went meanwhile; the library would keep it for ever
		lib.Disconnect(true)
		return
	}
	if s := v.(*conn).socket(lib.Nsp().Name()); s != nil {
		s.isReady()
	}
}

// An Audience is a set of sockets of one namespace on this node: the union of its
// parts, each socket once.
type Audience struct {
	Everyone bool
	Rooms    []string
	Sockets  []string // ids
	Except   string   // id of a socket to leave out
}

// Broadcast sends an event with one argument, which must be JSON, to an audience. It
// is encoded once and does not wait for anybody.
func (srv *Server) Broadcast(namespace string, to Audience, event string, payload json.RawMessage, volatile bool) {
	home := srv.namespaces[namespace]
	if home == nil {
		return
	}
	var f *frame
	home.each(to, func(s *Socket) {
		if f == nil {
			f = eventFrame(namespace, event, payload)
		}
		s.write(f, volatile)
	})
}

// Find returns the sockets of an audience.
func (srv *Server) Find(namespace string, to Audience) []*Socket {
	var found []*Socket
	if home := srv.namespaces[namespace]; home != nil {
		home.each(to, func(s *Socket) { found = append(found, s) })
	}
	return found
}

// Connections counts the Engine.IO connections.
func (srv *Server) Connections() int {
	n := 0
	srv.conns.Range(func(any, any) bool { n++; return true })
	return n
}

// Shutdown closes every connection, so that its client connects again elsewhere,
// and waits until all have gone or ctx ends. What was sent before arrives first.
// over spreads the closing, so that not all clients come back at the same moment.
func (srv *Server) Shutdown(ctx context.Context, over time.Duration) error {
	n := srv.Connections()
	srv.conns.Range(func(_, v any) bool {
		v.(*conn).engine.Close(false)
		if n > 0 && over > 0 {
			wait(ctx, over/time.Duration(n))
		}
		return true
	})
	for ctx.Err() == nil {
		if srv.Connections() == 0 {
			return nil
		}
		wait(ctx, 5*time.Millisecond)
	}
	return fmt.Errorf("%d connections did not close: %w", srv.Connections(), ctx.Err())
}

func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// recovered turns a panic into a log line: one client's goroutine must not end the
// node. Use it with defer.
func (srv *Server) recovered(what string) {
	if v := recover(); v != nil {
		srv.cfg.Log.Error("recovered from a panic", "while", what, "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
	}
}
