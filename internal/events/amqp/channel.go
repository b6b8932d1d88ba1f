package amqp

import (
	"context"
	"errors"
	"fmt"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/rabbitmq/amqp091-go"

	"github.com/example/switchyard/internal/broker"
)

// cut ends every call on the connection: those of the library wait for a broker that does
// not read, or does not answer.
func (l *link) cut() { _ = l.tcp.Close() }

// take returns a channel on which nothing else is sent.
func (l *link) take(ctx context.Context, topic string) (*channel, error) {
	if c := l.reuse(topic); c != nil {
		return c, nil
	}
	defer context.AfterFunc(ctx, l.cut)()
	raw, err := l.conn.Channel()
	if err != nil {
		return nil, fmt.Errorf("open a channel: %w", err)
	}
	c := &channel{raw, raw.NotifyClose(make(chan *amqp091.Error, 1))}
	if err = c.Confirm(false); err == nil {
		err = c.ExchangeDeclare(topic, amqp091.ExchangeFanout, true, false, false, false, nil)
	}
	if err != nil {
		l.drop(c, topic)
		return nil, fmt.Errorf("declare the exchange %s: %w", topic, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.declared[topic] = true
	return c, nil
}

// reuse returns a channel that is there, if the exchange is.
func (l *link) reuse(topic string) *channel {
	l.mu.Lock()
	defer l.mu.Unlock()
	for n := len(l.idle) - 1; n >= 0 && l.declared[topic]; n-- {
		c := l.idle[n]
		l.idle = l.idle[:n]
		if !c.IsClosed() {
			return c
		}
	}
	return nil
}

// give has a channel be used again.
func (l *link) give(c *channel) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.idle = append(l.idle, c)
}

// drop closes a channel, without waiting for it. The exchange may be gone.
func (l *link) drop(c *channel, topic string) {
	go func() { _ = c.Close() }()
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.declared, topic)
}

// send sends one message and waits until the broker has it.
func (l *link) send(ctx context.Context, c *channel, topic string, m *message.Message) error {
	p, err := marshaler{}.Marshal(m)
	if err != nil {
		return err
	}
	written := context.AfterFunc(ctx, l.cut)
	confirmed, err := c.PublishWithDeferredConfirm(topic, "", false, false, p)
	written()
	if err != nil {
		return fmt.Errorf("send: %w", errors.Join(err, c.reason()))
	}
	ok, err := confirmed.WaitContext(ctx)
	switch {
	case err != nil:
		return fmt.Errorf("the broker has not confirmed it: %w", err)
	case !ok:
		return fmt.Errorf("the broker has not taken it: %w", c.reason())
	}
	return nil
}

var errRefused = errors.New("it says no more")

// reason is why the broker has closed the channel: over a message that is too large, with
// "406 PRECONDITION_FAILED".
func (c *channel) reason() error {
	select {
	case why := <-c.closed:
		if why != nil && why.Code == amqp091.PreconditionFailed {
			return fmt.Errorf("%w: %w", broker.ErrTooLarge, why)
		}
		if why != nil {
			return why
		}
	default:
	}
	return errRefused
}
