package client

import (
	"context"
	"crypto/tls"
	"math/rand/v2"
	"net/http"
	"time"
)

// The transports.
const (
	WebSocket = "websocket"
	Polling   = "polling"
)

// An Option says how a Client connects. Those of the connection itself (Header, Path,
// Transports, TLS, Reconnect) are for Dial; Of takes them from there.
type Option func(*options)

type options struct {
	auth       func(context.Context) (any, error)
	handlers   []func(*Client)
	header     http.Header
	path       string
	transports []string
	tls        *tls.Config
	reconnect  Reconnection
	timeout    time.Duration
	events     int
	bytes      int
}

func defaults() options {
	return options{
		auth:       func(context.Context) (any, error) { return nil, nil },
		path:       "/socket.io/",
		transports: []string{WebSocket},
		timeout:    20 * time.Second,
		events:     1024,
		bytes:      16 << 20,
	}
}

// Auth is what the client says of itself when it connects: a JSON object. None by
// default.
func Auth(v any) Option {
	return AuthFunc(func(context.Context) (any, error) { return v, nil })
}

// AuthFunc is Auth for what may change, like a token: it is asked at each connection.
func AuthFunc(f func(context.Context) (any, error)) Option {
	return func(o *options) { o.auth = f }
}

// Handlers registers handlers before the connection begins, so that they miss nothing.
// It is also how handlers that belong together are kept together, as the methods of a
// type: Handlers(view.Handlers).
func Handlers(register func(*Client)) Option {
	return func(o *options) { o.handlers = append(o.handlers, register) }
}

// Header is sent with each HTTP request.
func Header(h http.Header) Option { return func(o *options) { o.header = h } }

// Path is where the server is mounted. Default "/socket.io/".
func Path(p string) Option { return func(o *options) { o.path = p } }

// Transports are the ways to the server: WebSocket (the default), Polling, or Polling
// and then WebSocket, which begins with polling and moves on to a websocket.
func Transports(names ...string) Option { return func(o *options) { o.transports = names } }

// TLS is for servers with certificates of their own, and for clients that have one.
func TLS(c *tls.Config) Option { return func(o *options) { o.tls = c } }

// Reconnect says how a lost connection is made again. By default it is tried for ever.
func Reconnect(r Reconnection) Option { return func(o *options) { o.reconnect = r } }

// Timeout bounds each attempt to connect, and each Call whose context has no earlier
// deadline. Default 20 s. A command that declares a longer Timeout has that.
func Timeout(d time.Duration) Option { return func(o *options) { o.timeout = d } }

// Buffer bounds what waits to be handled or received, and one message of the server.
// Default 1,024 events and 16 MiB.
//
// When it is full, an event that has no handler takes the place of the oldest such
// event, and the next Receive of that one fails with ErrOverflow, once. If all that
// waits has handlers, they are too slow: the connection is ended with ErrOverflow, and
// made again, so that nothing is missed in silence.
func Buffer(events, bytes int) Option {
	return func(o *options) { o.events, o.bytes = events, bytes }
}

// A Reconnection says how a lost connection is made again. Zero values take the
// defaults, which are those of socket.io-client.
type Reconnection struct {
	Off      bool          // a lost connection is the end
	Dial     bool          // Dial too tries again, as long as its context allows
	Attempts int           // in a row, after which the client ends; 0 for no bound
	Delay    time.Duration // 1 s before the first attempt; doubles with each
	MaxDelay time.Duration // 5 s
	Jitter   float64       // 0.5: how much of a delay is left to chance; negative for none
}

// delay is how long to wait before an attempt, the first is 0.
func (r Reconnection) delay(attempt int) time.Duration {
	if r.Delay <= 0 {
		r.Delay = time.Second
	}
	if r.MaxDelay <= 0 {
		r.MaxDelay = 5 * time.Second
	}
	if r.Jitter == 0 {
		r.Jitter = 0.5
	}
	d := min(r.Delay<<min(attempt, 16), r.MaxDelay)
	if d <= 0 { // shifted out
		d = r.MaxDelay
	}
	spread := min(max(r.Jitter, 0), 1) * (2*rand.Float64() - 1)
	return time.Duration(float64(d) * (1 + spread))
}
