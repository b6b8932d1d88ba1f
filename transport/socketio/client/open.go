package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
)

// open makes a connection.
func (l *link) open(ctx context.Context) (*conn, error) {
	ctx, cancel := context.WithTimeout(ctx, l.opts.timeout)
	defer cancel()
	if l.opts.transports[0] == Polling {
		return l.openPolling(ctx)
	}
	return l.openWebSocket(ctx)
}

func (l *link) openWebSocket(ctx context.Context) (*conn, error) {
	ws, err := l.dialWebSocket(ctx, "")
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, ws.close)
	data, binary, err := ws.read()
	if !stop() || err != nil {
		ws.close()
		return nil, unreachable(ctx, err)
	}
	h, err := readHandshake(data, binary)
	if err != nil {
		ws.close()
		return nil, err
	}
	ws.silence = h.silence()
	return newConn(l, h, ws), nil
}

func (l *link) openPolling(ctx context.Context) (*conn, error) {
	p := l.newPolling()
	stop := context.AfterFunc(ctx, p.close)
	data, binary, err := p.read()
	if !stop() || err != nil {
		p.close()
		return nil, unreachable(ctx, err)
	}
	h, err := readHandshake(data, binary)
	if err != nil {
		p.close()
		return nil, err
	}
	p.opened(h)
	return newConn(l, h, p), nil
}

// unreachable is why there is no connection.
func unreachable(ctx context.Context, err error) error {
	var timeout net.Error
	switch {
	case errors.Is(err, ErrProtocol):
		return err
	case ctx.Err() != nil:
		err = late(ctx)
	case errors.As(err, &timeout) && timeout.Timeout():
		err = fmt.Errorf("%w: %w", ErrTimeout, err)
	}
	return fmt.Errorf("%w: %w", ErrUnreachable, err)
}

// An upgrade tries to replace polling by a websocket.
type upgrade struct {
	from   *polling
	cancel context.CancelFunc
	tried  chan struct{} // closed when it is known whether it can
	ws     *webSocket    // nil if it cannot
}

func (k *conn) upgradable() bool {
	return slices.Contains(k.link.opts.transports, WebSocket) && slices.Contains(k.Upgrades, WebSocket)
}

// upgrade asks the server over a websocket whether that works. If it does not, polling
// goes on.
func (k *conn) upgrade(from *polling) *upgrade {
	ctx, cancel := context.WithTimeout(k.ctx, k.link.opts.timeout)
	u := &upgrade{from: from, cancel: cancel, tried: make(chan struct{})}
	go func() {
		defer close(u.tried)
		defer cancel()
		ws, err := k.link.dialWebSocket(ctx, k.SID)
		if err != nil {
			return
		}
		stop := context.AfterFunc(ctx, ws.close)
		err = ws.write([]message{{text: []byte{enginePing, 'p', 'r', 'o', 'b', 'e'}}})
		var data []byte
		if err == nil {
			data, _, err = ws.read()
		}
		if !stop() || err != nil || string(data) != string(enginePong)+"probe" {
			ws.close()
			return
		}
		ws.silence = k.silence()
		u.ws = ws
	}()
	return u
}

// due tells whether polling can end: it is between two polls, and the server has answered
// over the websocket.
func (u *upgrade) due() bool {
	select {
	case <-u.tried:
		return len(u.from.body) == 0
	default:
		return false
	}
}

// takeOver moves on to the websocket: the server holds back what it has to say until it
// has heard of it. Nothing is written meanwhile.
func (k *conn) takeOver(u *upgrade) error {
	if u.ws == nil {
		return nil
	}
	k.writing.Lock()
	defer k.writing.Unlock()
	if err := u.ws.write([]message{{text: []byte{engineUpgrade}}}); err != nil {
		return fmt.Errorf("%w: %w", ErrDisconnected, err)
	}
	k.mu.Lock()
	k.t, u.ws = u.ws, nil
	k.mu.Unlock()
	u.from.close()
	if k.ctx.Err() != nil { // who ended the connection may have missed this transport
		k.transport().close()
	}
	return nil
}

// drop lets go of an upgrade that was not taken, also while it is tried: the connection has
// ended, and who uses it is to know at once.
func (u *upgrade) drop() {
	u.cancel()
	<-u.tried
	if u.ws != nil {
		u.ws.close()
	}
}
