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
	conn      *nats.Conn
	publisher *watermillnats.Publisher
	streams   nats.JetStreamContext

	mu    sync.Mutex
	there map[string]bool // streams that were seen
}

// Open connects to nats://host:4222, or to several of these, separated by commas. It
// connects again for ever, also while the login is refused: it may be right again soon.
func Open(url string, log *slog.Logger) (*Bus, error) {
	conn, err := nats.Connect(url, nats.Name("switchyard"), nats.MaxReconnects(-1), nats.IgnoreAuthErrorAbort())
	if err != nil {
		return nil, fmt.Errorf("connect to NATS: %w", err)
	}
	b := &Bus{conn: conn, there: map[string]bool{}}
	if b.streams, err = conn.JetStream(); err == nil {
		b.publisher, err = watermillnats.NewPublisherWithNatsConn(conn, watermillnats.PublisherPublishConfig{
			Marshaler: &marshaler{}, SubjectCalculator: watermillnats.DefaultSubjectCalculator,
		}, watermill.NewSlogLogger(log))
	}
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("use NATS JetStream: %w", err)
	}
	return b, nil
}

// Close closes the connection, which ends all subscriptions.
func (b *Bus) Close() { _ = b.publisher.Close() }

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
		b.forget(topic)
	}
	return err
}

// forget has the next call look for the stream: it may have gone with the server's disk.
func (b *Bus) forget(topic string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.there, topic)
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
