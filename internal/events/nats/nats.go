// Package nats takes events through NATS JetStream: one stream, which keeps them for some
// minutes, and for each gateway an ordered consumer, which the client makes anew where it
// was when the connection or the server was gone. Start at Open.
package nats

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	watermillnats "github.com/ThreeDotsLabs/watermill-nats/v2/pkg/nats"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"

	"github.com/example/switchyard/internal/broker"
)

// keep is how long the stream keeps events: a gateway that was cut off for longer has
// missed some.
const keep = 10 * time.Minute

// A Bus is a connection to NATS.
type Bus struct {
	conn       *nats.Conn
	publisher  *watermillnats.Publisher
	subscriber *watermillnats.Subscriber
	streams    nats.JetStreamContext

	mu    sync.Mutex
	there map[string]bool // streams that were seen
}

// Open connects to nats://host:4222, or to several of these, separated by commas.
func Open(url string, log *slog.Logger) (*Bus, error) {
	conn, err := nats.Connect(url, nats.Name("switchyard"), nats.MaxReconnects(-1))
	if err != nil {
		return nil, fmt.Errorf("connect to NATS: %w", err)
	}
	b := &Bus{conn: conn, there: map[string]bool{}}
	if b.streams, err = conn.JetStream(); err == nil {
		logger := watermill.NewSlogLogger(log)
		// Ordered: a consumer of this subscription alone, without acknowledgements.
		js := watermillnats.JetStreamConfig{SubscribeOptions: []nats.SubOpt{nats.OrderedConsumer(), nats.DeliverNew()}, AckAsync: true}
		b.publisher, err = watermillnats.NewPublisherWithNatsConn(conn, watermillnats.PublisherPublishConfig{
			Marshaler: &marshaler{}, SubjectCalculator: watermillnats.DefaultSubjectCalculator, JetStream: js,
		}, logger)
		if err == nil {
			b.subscriber, err = watermillnats.NewSubscriberWithNatsConn(conn, watermillnats.SubscriberSubscriptionConfig{
				Unmarshaler: &marshaler{}, JetStream: js, CloseTimeout: 5 * time.Second,
			}, logger)
		}
	}
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("use NATS JetStream: %w", err)
	}
	return b, nil
}

// Close closes the connection.
func (b *Bus) Close() {
	_ = b.subscriber.Close() // it drains, and publisher closes in any case
	_ = b.publisher.Close()
}

// Publish is that of broker.Bus.
func (b *Bus) Publish(topic string, messages ...*message.Message) error {
	if err := b.ensure(topic); err != nil {
		return err
	}
	err := b.publisher.Publish(topic, messages...)
	switch {
	case errors.Is(err, nats.ErrMaxPayload):
		return fmt.Errorf("%w: %w", broker.ErrTooLarge, err)
	case err != nil:
		b.mu.Lock()
		delete(b.there, topic) // it may have gone with the server's disk
		b.mu.Unlock()
	}
	return err
}

// Subscribe is that of broker.Bus.
func (b *Bus) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	if err := b.ensure(topic); err != nil {
		return nil, err
	}
	return b.subscriber.Subscribe(ctx, topic)
}

// Ping is that of broker.Bus.
func (b *Bus) Ping(ctx context.Context) error {
	if !b.conn.IsConnected() {
		return fmt.Errorf("the connection to NATS is %s", b.conn.Status())
	}
	return b.conn.FlushWithContext(ctx) // a round trip
}

// ensure makes the stream of a topic, unless there is one, whoever has made it.
func (b *Bus) ensure(topic string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.there[topic] {
		return nil
	}
	_, err := b.streams.AddStream(&nats.StreamConfig{Name: topic, Subjects: []string{topic}, MaxAge: keep})
	if err != nil && !errors.Is(err, nats.ErrStreamNameAlreadyInUse) {
		return fmt.Errorf("make the stream %s (NATS must run with JetStream, -js): %w", topic, err)
	}
	b.there[topic] = true
	return nil
}

// A marshaler is Watermill's own, which puts metadata into headers. What it reads takes
// no acknowledgement: ordered consumers have none.
type marshaler struct{ watermillnats.NATSMarshaler }

// Unmarshal reads a message.
func (m *marshaler) Unmarshal(msg *nats.Msg) (*message.Message, error) {
	msg.Reply = ""
	return m.NATSMarshaler.Unmarshal(msg)
}
