package client

import (
	"cmp"
	"context"
	"fmt"
	"time"
)

// How often it is tried to connect: a connection, and each client over it.

// begin makes the first connection, for a first client.
func (l *link) begin(ctx context.Context, c *Client) error {
	for {
		k, err := l.open(ctx)
		if err == nil {
			l.clients[c.namespace] = c
			go c.dispatch()
			go l.run(k)
			return nil
		}
		if !l.opts.reconnect.Dial || ctx.Err() != nil || !sleep(ctx, l.nextDelay()) {
			l.cancel()
			l.web.CloseIdleConnections()
			return err
		}
	}
}

// sleep tells whether the time has passed before the context ended.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// nextDelay is how long to wait before the next connection.
func (l *link) nextDelay() time.Duration {
	return l.opts.reconnect.delay(int(l.attempts.Add(1) - 1))
}

// last tells whether no connection follows this one.
func (l *link) last() bool {
	r := l.opts.reconnect
	return r.Off || !r.Dial && !l.in.Load()
}

// again makes the next connection; an error is the end.
func (l *link) again(reason error) (*conn, error) {
	for {
		l.mu.Lock()
		over := l.over
		l.mu.Unlock()
		if over != nil || l.last() {
			return nil, cmp.Or(over, reason)
		}
		if !sleep(l.ctx, l.nextDelay()) {
			return nil, ErrClosed
		}
		k, err := l.open(l.ctx)
		if err == nil {
			return k, nil
		}
		reason = err
		l.mu.Lock()
		all := l.all()
		l.mu.Unlock()
		for _, c := range all {
			l.attemptFailed(c, err)
		}
	}
}

// join asks the server to let a client in, again where a refusal may pass.
func (l *link) join(k *conn, c *Client) {
	for {
		said, err := c.ask(k)
		if err == nil || k.ctx.Err() != nil {
			return
		}
		if !said { // else the goroutine that reads has done that, see Client.hear
			l.refused(k, c, err)
		}
		if c.ctx.Err() != nil || !sleep(k.ctx, l.opts.reconnect.delay(max(c.failures()-1, 0))) {
			return
		}
		c.tries(k)
	}
}

// refused takes that a client is not let in over a connection, by the server or because it
// cannot ask.
func (l *link) refused(k *conn, c *Client, err error) {
	r := l.opts.reconnect
	switch {
	case !c.settled(k):
	case !c.wasIn() && !r.Dial || r.Off || !mayPass(err):
		go l.forget(c, err)() // what it returns may wait for this goroutine, see Client.hear
	default:
		l.attemptFailed(c, err)
	}
}

// attemptFailed counts an attempt of a client that has failed, and ends the client if that
// was the last. How often Dial tries, its context says.
func (l *link) attemptFailed(c *Client, err error) {
	n := c.failed(err)
	if most := l.opts.reconnect.Attempts; most > 0 && n >= most && l.in.Load() {
		go l.forget(c, fmt.Errorf("gave up after %d attempts to connect again: %w", n, err))()
	}
}
