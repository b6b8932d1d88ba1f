package amqp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/rabbitmq/amqp091-go"
)

const (
	confirmTime = 5 * time.Second // in which the broker must have a message; a Relay takes as long to close at most
	dialTime    = 5 * time.Second
	closeTime   = 2 * time.Second // in which the broker must agree to the end of the connection
)

// A publisher sends to one broker, over a connection that it makes again when it is needed.
// It is in place of Watermill's own, whose calls wait for ever when the broker has an alarm
// or has closed a channel.
type publisher struct {
	url     string
	blocked atomic.Pointer[string] // why the broker takes no messages; nil: it takes them, for all we know

	mu   sync.Mutex // held by who connects
	link atomic.Pointer[link]
	over bool
}

// A link is one connection.
type link struct {
	conn    *amqp091.Connection
	tcp     net.Conn
	blocked atomic.Bool // since a message was sent on it

	mu       sync.Mutex
	idle     []*channel
	declared map[string]bool // exchanges
}

// A channel is for one call at a time. One on which anything has failed is not used again.
type channel struct {
	*amqp091.Channel
	closed chan *amqp091.Error // gets the reason why the broker has closed it
}

var (
	errAway  = errors.New("there is no connection to the AMQP broker")
	errAlarm = errors.New("the AMQP broker takes no messages")
)

// connected returns the connection, and makes it where there is none.
func (p *publisher) connected() (*link, error) {
	if l := p.link.Load(); l != nil && !l.conn.IsClosed() {
		return l, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.connect()
}

// connect is called with mu held.
func (p *publisher) connect() (*link, error) {
	switch l := p.link.Load(); {
	case p.over:
		return nil, amqp091.ErrClosed
	case l != nil && !l.conn.IsClosed():
		return l, nil
	}
	l := &link{declared: map[string]bool{}}
	c := amqp091.Config{Dial: func(network, address string) (conn net.Conn, err error) {
		l.tcp, err = amqp091.DefaultDial(dialTime)(network, address)
		return l.tcp, err
	}}
	var err error
	if l.conn, err = amqp091.DialConfig(p.url, c); err != nil {
		return nil, err
	}
	blocked := l.conn.NotifyBlocked(make(chan amqp091.Blocking))
	go func() {
		for b := range blocked { // until the connection ends
			l.blocked.Store(b.Active)
			p.blocked.Store(nil)
			if b.Active {
				p.blocked.Store(&b.Reason)
			}
		}
	}()
	p.blocked.Store(nil) // whether it is still so, the first message finds out
	p.link.Store(l)
	return l, nil
}

// ready tells whether messages can be sent now, without waiting. It begins to connect again
// where it must.
func (p *publisher) ready() error {
	if l := p.link.Load(); l == nil || l.conn.IsClosed() {
		if p.mu.TryLock() {
			go func() {
				defer p.mu.Unlock()
				_, _ = p.connect()
			}()
		}
		return errAway
	}
	if why := p.blocked.Load(); why != nil {
		return fmt.Errorf("%w: %s", errAlarm, *why)
	}
	return nil
}

// publish sends messages one after the other, each when the broker has the one before it.
func (p *publisher) publish(topic string, messages []*message.Message) error {
	l, err := p.connected()
	switch {
	case err != nil:
		return err
	case l.blocked.Load():
		return errAlarm
	}
	ctx, cancel := context.WithTimeout(context.Background(), confirmTime)
	defer cancel()
	c, err := l.take(ctx, topic)
	if err != nil {
		return err
	}
	for _, m := range messages {
		if err := l.send(ctx, c, topic, m); err != nil {
			l.drop(c, topic)
			return err
		}
	}
	p.blocked.Store(nil)
	l.give(c)
	return nil
}

// close ends the connection, of which the broker may not take notice.
func (p *publisher) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = true
	if l := p.link.Load(); l != nil {
		defer time.AfterFunc(closeTime, l.cut).Stop()
		_ = l.conn.Close()
	}
}
