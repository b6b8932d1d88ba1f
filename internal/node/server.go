package node

import (
	"context"
	"errors"
	"fmt"
	stdlog "log"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/example/switchyard/internal/config"
	"github.com/example/switchyard/internal/logging"
)

// A server is an http.Server that is bound before it serves.
type server struct {
	*http.Server
	listener net.Listener
	log      *slog.Logger
	conns    atomic.Int64 // those that are no websockets
}

func listen(setting, address string, h http.Handler, c config.Sockets, log *slog.Logger) (*server, error) {
	l, err := net.Listen("tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s: %s is taken, perhaps by another node: stop what listens there, or set %s to another address", setting, address, setting)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: cannot listen on %s: %w", setting, address, err)
	}
	log = logging.Of(log, logging.HTTP)
	s := &server{listener: l, log: log}
	s.Server = &http.Server{
		Handler: h, ReadHeaderTimeout: c.HeaderTimeout, IdleTimeout: c.IdleTimeout, MaxHeaderBytes: 32 << 10,
		ConnState: s.count, ErrorLog: stdlog.New(reports{log}, "", 0),
	}
	return s, nil
}

// reports takes what http.Server reports, like a page that panics, to our log.
type reports struct{ log *slog.Logger }

func (r reports) Write(line []byte) (int, error) {
	r.log.Error("the HTTP server reports an error", "error", strings.TrimSpace(string(line)))
	return len(line), nil
}

func (s *server) count(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		s.conns.Add(1)
	case http.StateHijacked, http.StateClosed: // one of them comes, and once
		s.conns.Add(-1)
	}
}

// Shutdown waits for requests to end. Those that have not when ctx ends are cut: that a
// client takes its answer slowly, or not at all, is no failure of the node. A listener that
// was never served is closed too, which http.Server does not know.
func (s *server) Shutdown(ctx context.Context) error {
	defer s.listener.Close()
	err := s.Server.Shutdown(ctx)
	if !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	s.log.Warn("cut connections whose requests did not end", "address", s.listener.Addr().String(), "connections", s.conns.Load())
	return s.Close()
}

func (s *server) serve(failed chan<- error) {
	if err := s.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		failed <- fmt.Errorf("serve %s: %w", s.listener.Addr(), err)
	}
}
