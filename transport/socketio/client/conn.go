package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// The types of Engine.IO packets.
const (
	engineOpen    = '0'
	engineClose   = '1'
	enginePing    = '2'
	enginePong    = '3'
	engineMessage = '4'
	engineUpgrade = '5'
	engineNoop    = '6'
)

const (
	writeTimeout = 10 * time.Second
	farewell     = 3 * time.Second // for what was sent before Close to leave
	pause        = time.Second     // of polling, while the server waits for an upgrade
)

// errGone: a connection ended before it took what was to be sent.
var errGone = fmt.Errorf("%w; %w", ErrNotSent, ErrDisconnected)

// A transport carries Engine.IO packets. One goroutine reads and one writes.
type transport interface {
	name() string
	read() (data []byte, binary bool, err error)
	write(batch []message) error
	close() // at any time
}

// A handshake is what the server says of a connection when it opens it.
type handshake struct {
	SID          string   `json:"sid"`
	Upgrades     []string `json:"upgrades"`
	PingInterval int64    `json:"pingInterval"` // ms
	PingTimeout  int64    `json:"pingTimeout"`  // ms
	MaxPayload   int      `json:"maxPayload"`   // bytes; 0 says nothing
}

// silence is how long a server may say nothing before it counts as gone.
func (h handshake) silence() time.Duration {
	const longest = int64(24 * time.Hour / time.Millisecond)
	ms := min(max(h.PingInterval, 0), longest) + min(max(h.PingTimeout, 0), longest)
	if ms == 0 {
		ms = 45_000
	}
	return time.Duration(ms) * time.Millisecond
}

func readHandshake(data []byte, binary bool) (h handshake, err error) {
	if binary || len(data) == 0 || data[0] != engineOpen || json.Unmarshal(data[1:], &h) != nil || h.SID == "" {
		return h, fmt.Errorf("%w: it did not open the connection as Engine.IO 4 does", ErrProtocol)
	}
	return h, nil
}

// A conn is one Engine.IO connection.
type conn struct {
	handshake
	link   *link
	ctx    context.Context // ends with the connection
	cancel context.CancelCauseFunc
	out    chan message
	pong   chan struct{} // 1

	writing sync.Mutex // held while something is written, and while an upgrade takes over
	mu      sync.Mutex
	t       transport
}

func newConn(l *link, h handshake, t transport) *conn {
	k := &conn{handshake: h, link: l, t: t, out: make(chan message, 64), pong: make(chan struct{}, 1)}
	k.ctx, k.cancel = context.WithCancelCause(l.ctx)
	return k
}

func (k *conn) transport() transport {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.t
}

// send gives the connection something to send: errGone if it cannot any more.
func (k *conn) send(ctx context.Context, m message) error {
	if size := m.largest(k.link.opts.transports[0] == Polling); k.MaxPayload > 0 && size > k.MaxPayload {
		return fmt.Errorf("%w: %w: %d bytes, and the server takes %d at once", ErrNotSent, ErrTooLarge, size, k.MaxPayload)
	}
	if k.ctx.Err() != nil {
		return errGone
	}
	select {
	case k.out <- m:
		return nil
	case <-k.ctx.Done():
		return errGone
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrNotSent, late(ctx))
	}
}

// part sends the last that is said: a DISCONNECT for a namespace, "" for none, and a
// goodbye to the server after the last of them.
func (k *conn) part(namespace string, last bool) {
	ctx, cancel := context.WithTimeout(k.ctx, farewell)
	defer cancel()
	m := message{last: last}
	if namespace != "" {
		m.text = head(packetDisconnect, namespace, noAck, 0)
	}
	if k.send(ctx, m) == nil && last {
		<-ctx.Done() // the server ends the connection
	}
	if last {
		k.fail(ErrClosed)
	}
}

// fail ends the connection. The first reason counts.
func (k *conn) fail(reason error) { k.cancel(reason) }

// serve reads until the connection ends, and says why it did.
func (k *conn) serve(hear func(*conn, *packet) error) error {
	wrote := make(chan struct{})
	go func() {
		defer close(wrote)
		k.write()
	}()
	stop := context.AfterFunc(k.ctx, func() { k.transport().close() }) // ends what reads and writes
	defer stop()
	k.fail(k.read(hear))
	k.transport().close()
	<-wrote
	return reason(k.ctx)
}

// reason is why the connection has ended.
func reason(ctx context.Context) error {
	switch err := context.Cause(ctx); {
	case errors.Is(err, context.Canceled): // the link's
		return ErrClosed
	case errors.Is(err, ErrClosed), errors.Is(err, ErrDisconnected):
		return err
	default:
		return fmt.Errorf("%w: %w", ErrDisconnected, err)
	}
}

// read hands on what comes.
func (k *conn) read(hear func(*conn, *packet) error) error {
	var up *upgrade
	if from, ok := k.t.(*polling); ok && k.upgradable() {
		up = k.upgrade(from)
		defer up.drop()
	}
	d := decoder{limit: k.link.opts.bytes}
	for {
		if up != nil && up.due() {
			if err := k.takeOver(up); err != nil {
				return err
			}
			up = nil
		}
		data, binary, err := k.transport().read()
		if err != nil {
			return silent(err)
		}
		if !binary && len(data) > 0 && data[0] != engineMessage {
			if err := k.engine(data, up); err != nil {
				return err
			}
			continue
		}
		p, err := d.add(data, binary)
		if err == nil && p != nil {
			err = hear(k, p)
		}
		if err != nil {
			return err
		}
	}
}

// silent is why nothing more is read.
func silent(err error) error {
	var timeout net.Error
	if errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout() {
		err = errors.New("the server was silent for too long")
	}
	return fmt.Errorf("%w: %w", ErrDisconnected, err)
}

// engine takes a packet that is Engine.IO's own.
func (k *conn) engine(data []byte, up *upgrade) error {
	switch data[0] {
	case enginePing:
		select {
		case k.pong <- struct{}{}:
		default: // one is on its way
		}
	case engineClose:
		return fmt.Errorf("%w: the server closed it", ErrDisconnected)
	case engineNoop: // ends a poll, so that an upgrade can take over
		if up != nil {
			select {
			case <-up.tried:
			case <-time.After(pause): // or nobody would notice when the connection is lost
			}
		}
	case enginePong: // to nobody
	default: // perhaps a proxy's page: the next poll would be answered so at once, and the next
		return fmt.Errorf("%w: a packet that a server does not send: %.100q", ErrProtocol, data)
	}
	return nil
}

var pong = message{text: []byte{enginePong}}

// write writes what is to be sent, as much at once as there is.
func (k *conn) write() {
	var batch []message
	for {
		batch = batch[:0]
		select {
		case m := <-k.out:
			batch = k.collect(append(batch, m))
		case <-k.pong:
			batch = append(batch, pong)
		case <-k.ctx.Done():
			return
		}
		k.writing.Lock()
		err := k.transport().write(batch)
		k.writing.Unlock()
		if err != nil {
			k.fail(fmt.Errorf("%w: %w", ErrDisconnected, err))
			return
		}
		if batch[len(batch)-1].last {
			return // the server ends the connection
		}
		clear(batch)
	}
}

// collect adds what waits, as far as the server takes it in one request.
func (k *conn) collect(batch []message) []message {
	for len(batch) < cap(k.out) && !batch[len(batch)-1].last {
		select {
		case m := <-k.out:
			batch = append(batch, m)
		default:
			return batch
		}
	}
	return batch
}
