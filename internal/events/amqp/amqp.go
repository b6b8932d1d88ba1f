// Package amqp takes events through AMQP 0-9-1, as RabbitMQ speaks it: one fanout
// exchange, and for each gateway a queue that ends with its connection. What is published
// while a gateway is cut off it misses. Start at Open.
package amqp

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	watermillamqp "github.com/ThreeDotsLabs/watermill-amqp/v3/pkg/amqp"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"
	"github.com/rabbitmq/amqp091-go"
)

const (
	prefetch = 256             // messages under way to one gateway
	backlog  = 100_000         // messages that wait for one gateway; the oldest are dropped
	pause    = 2 * time.Second // between tries to connect again, at most
)

// A Bus is a connection to publish and one to subscribe.
type Bus struct {
	publisher  *publisher
	subscriber *watermillamqp.Subscriber
}

// Open connects to amqp://user:password@host:5672/vhost, or amqps.
func Open(url string, log *slog.Logger) (*Bus, error) {
	c := watermillamqp.NewDurablePubSubConfig(url, func(topic string) string { return topic + "." + uuid.NewString() })
	c.Marshaler = marshaler{}
	c.Queue.Durable, c.Queue.AutoDelete, c.Queue.Exclusive = false, true, true
	c.Queue.Arguments = amqp091.Table{"x-max-length": int32(backlog)}
	c.Consume.Qos.PrefetchCount = prefetch
	c.Connection.Reconnect = watermillamqp.DefaultReconnectConfig()
	c.Connection.Reconnect.BackoffMaxInterval = pause
	p := &publisher{url: url}
	if _, err := p.connected(); err != nil {
		return nil, fmt.Errorf("connect to the AMQP broker: %w", err)
	}
	subscriber, err := watermillamqp.NewSubscriber(c, watermill.NewSlogLogger(log))
	if err != nil {
		p.close()
		return nil, fmt.Errorf("connect to the AMQP broker: %w", err)
	}
	return &Bus{p, subscriber}, nil
}

// Close closes both connections. It does not wait for ever for a broker that keeps silent.
func (b *Bus) Close() {
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		_ = b.subscriber.Close()
	}()
	b.publisher.close()
	t := time.NewTimer(closeTime)
	defer t.Stop()
	select {
	case <-closed:
	case <-t.C:
	}
}

// Publish is that of broker.Bus.
func (b *Bus) Publish(topic string, messages ...*message.Message) error {
	return b.publisher.publish(topic, messages)
}

// Subscribe is that of broker.Bus.
func (b *Bus) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	return b.subscriber.Subscribe(ctx, topic)
}

// Ping is that of broker.Bus: it tells what heartbeats have found, which is within 20 s, and
// whether the broker has an alarm (memory, disk), once a message was sent.
func (b *Bus) Ping(context.Context) error {
	if !b.subscriber.IsConnected() {
		return errAway
	}
	return b.publisher.ready()
}
