package client

import (
	"context"
	"fmt"
)

// A parting client has gone before the server has answered its CONNECT. Until that has come,
// nobody else can ask for its namespace, and be taken for it.
type parting struct {
	client *Client
	over   chan struct{}
}

// parted lets others ask for a namespace again. The mutex is held.
func (l *link) parted(namespace string) {
	close(l.parting[namespace].over)
	delete(l.parting, namespace)
}

// add begins with another client, once its namespace is free.
func (l *link) add(ctx context.Context, c *Client) error {
	for {
		gone, err := l.tryAdd(c)
		if gone == nil {
			return err
		}
		select {
		case <-gone.over:
		case <-ctx.Done():
			return late(ctx)
		}
	}
}

func (l *link) tryAdd(c *Client) (gone *parting, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.over != nil:
		return nil, fmt.Errorf("%w; %w", ErrNotSent, l.over)
	case l.clients[c.namespace] != nil:
		return nil, fmt.Errorf("%w: the connection has a client of it already", ErrBadNamespace)
	case l.parting[c.namespace] != nil:
		return l.parting[c.namespace], nil
	}
	l.clients[c.namespace] = c
	go c.dispatch()
	if l.conn != nil {
		c.tries(l.conn)
		go l.join(l.conn, c)
	}
	return nil, nil
}
