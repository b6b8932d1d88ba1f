// Package amqp takes events through AMQP 0-9-1, as RabbitMQ speaks it: one fanout
// exchange, and for each gateway a queue that ends with its connection. What is published
// while a gateway is cut off it misses. Start at Open.
package amqp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/ThreeDotsLabs/watermill"
	watermillamqp "github.com/ThreeDotsLabs/watermill-amqp/v3/pkg/amqp"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"
	"github.com/rabbitmq/amqp091-go"
)

const (
	channels = 16      // on which events are published at the same time
	prefetch = 256     // messages under way to one gateway
	backlog  = 100_000 // messages that wait for one gateway; the oldest are dropped
)

// A Bus is a connection to publish and one to subscribe.
type Bus struct {
	publisher  *watermillamqp.Publisher
	subscriber *watermillamqp.Subscriber
}

// Open connects to amqp://user:password@host:5672/vhost, or amqps.
func Open(url string, log *slog.Logger) (*Bus, error) {
	c := watermillamqp.NewDurablePubSubConfig(url, func(topic string) string { return topic + "." + uuid.NewString() })
	c.Marshaler = marshaler{}
	c.Queue.Durable, c.Queue.AutoDelete, c.Queue.Exclusive = false, true, true
	c.Queue.Arguments = amqp091.Table{"x-max-length": int32(backlog)}
	c.Consume.Qos.PrefetchCount = prefetch
	c.Publish.ConfirmDelivery, c.Publish.ChannelPoolSize = true, channels
	logger := watermill.NewSlogLogger(log)
	publisher, err := watermillamqp.NewPublisher(c, logger)
	if err != nil {
		return nil, fmt.Errorf("connect to the AMQP broker: %w", err)
	}
	subscriber, err := watermillamqp.NewSubscriber(c, logger)
	if err != nil {
		_ = publisher.Close()
		return nil, fmt.Errorf("connect to the AMQP broker: %w", err)
	}
	return &Bus{publisher, subscriber}, nil
}

// Close closes both connections.
func (b *Bus) Close() {
	_ = b.subscriber.Close()
	_ = b.publisher.Close()
}

// Publish is that of broker.Bus.
func (b *Bus) Publish(topic string, messages ...*message.Message) error {
	return b.publisher.Publish(topic, messages...)
}

// Subscribe is that of broker.Bus.
func (b *Bus) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	return b.subscriber.Subscribe(ctx, topic)
}

// Ping is that of broker.Bus: it tells what heartbeats have found, which is within 20 s.
func (b *Bus) Ping(context.Context) error {
	if !b.publisher.IsConnected() || !b.subscriber.IsConnected() {
		return errors.New("there is no connection to the AMQP broker")
	}
	return nil
}
