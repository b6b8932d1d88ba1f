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
	"cmp"
	"context"
	"encoding/json"
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

	mu     sync.Mutex
	err    error         // why it has ended
	conn   *conn         // nil while it is not connected
	up     chan struct{} // closed while it is connected
	id     string
	was    bool // connected once
	nextID int64
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
// its clients is closed. Of the options those of the connection count for nothing.
func (c *Client) Of(ctx context.Context, ns contract.Namespace, opts ...Option) (*Client, error) {
	o := c.link.opts
	o.handlers = nil
	for _, opt := range opts {
		opt(&o)
	}
	other := newClient(c.link, ns.Name, o)
	if err := c.link.add(other); err != nil {
		return nil, fmt.Errorf("connect to %s: %w", ns.Name, err)
	}
	if err := other.await(ctx); err != nil {
		return nil, err
	}
	return other, nil
}

func newClient(l *link, namespace string, o options) *Client {
	if namespace == "" {
		namespace = "/"
	}
	c := &Client{
		link: l, namespace: namespace, opts: o, joined: make(chan error, 1),
		up: make(chan struct{}), calls: map[int64]chan<- answer{}, inbox: newInbox(o),
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	for _, register := range o.handlers {
		register(c)
	}
	return c
}

// await waits until the client is connected for the first time; else it closes it.
func (c *Client) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, c.opts.timeout)
	defer cancel()
	if _, err := c.connected(ctx); err != nil {
		err = cmp.Or(c.Err(), err)
		c.Close()
		return err
	}
	return nil
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

// Close leaves the namespace, and ends the connection if no other client uses it. What
// was sent before still leaves. It may be called more than once, and by handlers.
func (c *Client) Close() {
	c.link.remove(c, c.end(ErrClosed))
}

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

// OnConnect runs f after each connection. Of the first it hears only if it is registered
// by Handlers.
func (c *Client) OnConnect(f func()) {
	c.notice(&c.onConnect, func(error) { f() })
}

// OnConnectError runs f after each attempt to connect again that failed.
func (c *Client) OnConnectError(f func(error)) { c.notice(&c.onConnectError, f) }

// OnDisconnect runs f when a connection has ended, with why: ErrDisconnected, ErrEnded,
// ErrClosed, ErrOverflow or ErrProtocol. If it is not made again, Err is not nil.
func (c *Client) OnDisconnect(f func(reason error)) { c.notice(&c.onDisconnect, f) }

func (c *Client) notice(list *[]func(error), f func(error)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	*list = append(*list, f)
}

// tell lets notices run when it is their turn. c.mu is held.
func (c *Client) tell(list []func(error), reason error) {
	for _, f := range list {
		c.inbox.tell(item{tell: func() { f(reason) }})
	}
}

// hear takes a packet of the namespace. An error ends the connection.
func (c *Client) hear(k *conn, p *packet) error {
	switch p.kind {
	case packetConnect:
		var v struct{ SID string }
		if err := json.Unmarshal(p.body, &v); err != nil || v.SID == "" {
			return fmt.Errorf("%w: a CONNECT without an id (is it protocol 5?)", ErrProtocol)
		}
		c.arrive(k, v.SID)
	case packetConnectError:
		var v struct {
			Message string
			Data    json.RawMessage
		}
		_ = json.Unmarshal(p.body, &v) // whatever it says, it is a refusal
		c.answered(&Refusal{Namespace: c.namespace, Message: v.Message, Data: v.Data})
	case packetDisconnect:
		c.end(ErrEnded)
		go c.link.remove(c, false) // it waits for who reads
	case packetEvent:
		e, err := p.event()
		if err != nil {
			return err
		}
		return c.event(k, e)
	case packetAck:
		c.resolve(p)
	}
	return nil
}

func (c *Client) event(k *conn, e Event) error {
	e.client, e.conn = c, k
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn != k || c.err != nil {
		return nil // not before it is connected, and not after its end
	}
	return c.inbox.put(e)
}

// ask sends CONNECT and waits for what the server says to it.
func (c *Client) ask(k *conn) error {
	ctx, cancel := context.WithTimeout(k.ctx, c.opts.timeout)
	defer cancel()
	auth, err := c.opts.auth(ctx)
	if err != nil {
		return fmt.Errorf("connect to %s: ask for auth: %w", c.namespace, err)
	}
	m := message{text: head(packetConnect, c.namespace, noAck, 0)}
	if auth != nil {
		b, err := json.Marshal(auth)
		if err != nil {
			return fmt.Errorf("connect to %s: encode auth: %w", c.namespace, err)
		}
		m.text = append(m.text, b...)
	}
	select {
	case <-c.joined: // of another connection
	default:
	}
	if err := k.send(ctx, m); err != nil {
		return fmt.Errorf("connect to %s: %w", c.namespace, err)
	}
	select {
	case err := <-c.joined:
		return err
	case <-ctx.Done():
		err := fmt.Errorf("connect to %s: %w", c.namespace, late(ctx))
		k.fail(err) // it cannot be asked twice
		return err
	}
}

// arrive notes that the server has let the client in.
func (c *Client) arrive(k *conn, id string) {
	c.mu.Lock()
	if c.err == nil && c.conn == nil {
		c.conn, c.id, c.was = k, id, true
		close(c.up)
		c.tell(c.onConnect, nil)
	}
	c.mu.Unlock()
	c.answered(nil)
}

// answered hands on what came of CONNECT, if somebody waits for it.
func (c *Client) answered(err error) {
	select {
	case c.joined <- err:
	default:
	}
}

// wasIn tells whether the server has ever let the client in.
func (c *Client) wasIn() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.was
}

// failed notes that an attempt to connect again has failed.
func (c *Client) failed(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tell(c.onConnectError, err)
}

// lose notes that the connection has gone.
func (c *Client) lose(reason error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drop(reason)
}

func (c *Client) drop(reason error) {
	if c.conn == nil {
		return
	}
	c.conn, c.id, c.up = nil, "", make(chan struct{})
	for id, call := range c.calls {
		call <- answer{err: reason}
		delete(c.calls, id)
	}
	c.tell(c.onDisconnect, reason)
}

// end ends the client for good, and tells whether it was connected.
func (c *Client) end(reason error) (connected bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return false
	}
	if errors.Is(reason, ErrClosed) { // who closes wants to hear no more
		c.inbox.due, c.inbox.kept, c.inbox.bytes = nil, nil, 0
	}
	connected = c.conn != nil
	c.drop(reason)
	c.err = reason
	c.inbox.tell(item{tell: func() {}}) // wakes dispatch
	c.cancel()
	return connected
}
