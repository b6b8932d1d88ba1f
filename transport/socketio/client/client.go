// Package client is a Socket.IO client for Go that speaks the service's contract: the
// same values of package contract that declare a command, an event or a question here
// say what is sent, what comes back, and what type it has.
//
//	c, err := client.Dial(ctx, "http://localhost:8080", chat.Namespace, client.Auth(map[string]any{"user": "alice"}))
//	out, err := client.Call(ctx, c, chat.Join, chat.JoinInput{Room: "lobby"})
//	stop := client.On(c, chat.Posted, func(m chat.Message) { … })
//	message, err := client.Receive(ctx, c, chat.Posted)
//
// A Client is one namespace; Of opens another one over the same connection. A lost
// connection is made again, with the same handlers, as another socket: its rooms are
// gone, and events were missed, so do in OnConnect what is to be done for each. What is
// sent meanwhile waits; a call that was under way fails with ErrDisconnected. Errors are
// values, see errors.go.
//
// Handlers run one at a time, in the order in which the server sent the events, on a
// goroutine of their client: a handler may Call, and a slow one holds up the others of
// its namespace only. An event without handler waits for Receive.
//
// It is a client of our own, and not socket.io-client-go, because that one starts a
// goroutine for each packet and so keeps no order, loses what is said during an upgrade,
// has no contexts and no bounds, and takes over the program's signals. This one is a
// goroutine that reads and one that writes for each connection, and one for each client.
// It speaks protocol 5 (Engine.IO 4) to any Socket.IO server, over websockets or polling.
//
// Start at Dial. All of it is safe for concurrent use.
package client

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/example/switchyard/internal/contract"
)

// A Client is one namespace of a connection.
type Client struct {
	link      *link
	namespace string
	opts      options
	joined    chan error // 1: what the server says to CONNECT
	ctx       context.Context
	cancel    context.CancelFunc // when it has ended
	in        chan struct{}      // closed when the server has let it in for the first time

	mu     sync.Mutex
	err    error         // why it has ended
	conn   *conn         // nil while it is not connected
	up     chan struct{} // closed while it is connected
	id     string
	trying *conn // over which an attempt to connect has not ended yet
	asking *conn // where its CONNECT was sent and has no answer yet
	misses int   // attempts that failed since it was connected
	left   bool  // it has gone, and asks nobody any more
	calls  map[int64]chan<- answer
	inbox  inbox

	onConnect, onConnectError, onDisconnect []func(error)
	onError                                 []*func(error)
}

// An answer is what comes of a call.
type answer struct {
	packet *packet
	err    error
}

// Dial connects to a namespace of the server at a URL like "https://host:8080". It
// returns when the server has let the client in: ErrUnreachable, ErrRefused and
// ErrTimeout say why it could not. The context bounds Dial alone. Close the client when
// it is not needed any more.
func Dial(ctx context.Context, url string, ns contract.Namespace, opts ...Option) (*Client, error) {
	o := defaults()
	for _, opt := range opts {
		opt(&o)
	}
	l, err := newLink(url, o)
	if err != nil {
		return nil, err
	}
	if ns.Dynamic() {
		return nil, fmt.Errorf("dial %s: %w", url, errDynamic(ns))
	}
	c := newClient(l, ns.Name, o)
	if err := l.begin(ctx, c); err != nil {
		return nil, fmt.Errorf("dial %s: %w", url, err)
	}
	if err := c.await(ctx); err != nil {
		return nil, fmt.Errorf("dial %s: %w", url, err)
	}
	return c, nil
}

// Of connects to another namespace over the same connection, which ends when the last of
// its clients is closed. What the options do not say is as for Dial, but for the handlers;
// those of the connection itself count for nothing.
func (c *Client) Of(ctx context.Context, ns contract.Namespace, opts ...Option) (*Client, error) {
	o := c.link.opts
	o.handlers = nil
	for _, opt := range opts {
		opt(&o)
	}
	if ns.Dynamic() {
		return nil, errDynamic(ns)
	}
	other := newClient(c.link, ns.Name, o)
	if err := c.link.add(ctx, other); err != nil {
		return nil, fmt.Errorf("connect to %s: %w", ns.Name, err)
	}
	if err := other.await(ctx); err != nil {
		return nil, err
	}
	return other, nil
}

func errDynamic(ns contract.Namespace) error {
	return fmt.Errorf("%w: %s is a pattern; connect to one of it, by At", ErrBadNamespace, ns.Name)
}

func newClient(l *link, namespace string, o options) *Client {
	if namespace == "" {
		namespace = "/"
	}
	c := &Client{
		link: l, namespace: namespace, opts: o, joined: make(chan error, 1), in: make(chan struct{}),
		up: make(chan struct{}), calls: map[int64]chan<- answer{}, inbox: newInbox(o),
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	for _, register := range o.handlers {
		register(c)
	}
	return c
}

// await waits until the server has let the client in; else it closes it.
func (c *Client) await(ctx context.Context) error {
	if !c.opts.reconnect.Dial {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.opts.timeout)
		defer cancel()
	}
	select {
	case <-c.in:
	case <-c.ctx.Done():
	case <-ctx.Done():
	}
	if c.wasIn() {
		return nil // and may have lost the connection since, as at any time
	}
	err := c.Err()
	if err == nil {
		err = fmt.Errorf("connect to %s: %w", c.namespace, late(ctx))
	}
	go c.link.forget(c, ErrClosed)() // what it waits for is not for the context to wait for
	return err
}

// connected waits for a connection.
func (c *Client) connected(ctx context.Context) (*conn, error) {
	for {
		c.mu.Lock()
		k, up, err := c.conn, c.up, c.err
		c.mu.Unlock()
		if err != nil {
			return nil, fmt.Errorf("%w; %w", ErrNotSent, err)
		}
		if k != nil {
			return k, nil
		}
		select {
		case <-up:
		case <-c.ctx.Done():
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: there is no connection to %s; %w", ErrNotSent, c.namespace, late(ctx))
		}
	}
}

// late is why a context has ended.
func late(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("%w: %w", ErrTimeout, ctx.Err())
	}
	return ctx.Err()
}

// Close leaves the namespace, and ends the connection if no other client uses it. It
// waits, for 3 s at most, until what was sent before has left. It may be called more than
// once, and by handlers.
func (c *Client) Close() { c.link.forget(c, ErrClosed)() }

// Done is closed when the client has ended: by Close, by the server, or because it could
// not connect again. Err then says why.
func (c *Client) Done() <-chan struct{} { return c.ctx.Done() }

// Err says why the client has ended; nil while it has not.
func (c *Client) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// ID is the socket's id, "" while it is not connected.
func (c *Client) ID() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.id
}

// Transport is what the connection is made of at the moment, WebSocket or Polling; ""
// while there is none.
func (c *Client) Transport() string {
	c.mu.Lock()
	k := c.conn
	c.mu.Unlock()
	if k == nil {
		return ""
	}
	return k.transport().name()
}
