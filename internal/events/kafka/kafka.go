// Package kafka takes events through a Kafka topic of one partition. Each gateway reads it
// by itself, without a consumer group, from its end. Start at Open.
package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"github.com/IBM/sarama"
	"github.com/ThreeDotsLabs/watermill"
	watermillkafka "github.com/ThreeDotsLabs/watermill-kafka/v3/pkg/kafka"
	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/example/switchyard/internal/broker"
)

const (
	largest  = 64 << 20 // bytes; the broker's own limit, message.max.bytes, is lower
	pingTime = 900 * time.Millisecond
)

// A Bus is a producer, and the consumers of its subscriptions.
type Bus struct {
	publisher  *watermillkafka.Publisher
	subscriber *watermillkafka.Subscriber
	pings      sarama.Client
	topics     topics
}

// Open connects to kafka://host:9092,host:9092, with user:password@ in front of them by
// SASL PLAIN, and with kafkas:// over TLS.
func Open(address string, log *slog.Logger) (*Bus, error) {
	brokers, config, err := parse(address)
	if err != nil {
		return nil, err
	}
	logger := watermill.NewSlogLogger(log)
	publisher, err := watermillkafka.NewPublisher(watermillkafka.PublisherConfig{
		Brokers: brokers, Marshaler: watermillkafka.DefaultMarshaler{}, OverwriteSaramaConfig: config,
	}, logger)
	if err != nil {
		return nil, fmt.Errorf("connect to Kafka: %w", err)
	}
	subscriber, err := watermillkafka.NewSubscriber(watermillkafka.SubscriberConfig{
		Brokers: brokers, Unmarshaler: watermillkafka.DefaultMarshaler{}, OverwriteSaramaConfig: config,
	}, logger)
	if err != nil {
		_ = publisher.Close()
		return nil, fmt.Errorf("connect to Kafka: %w", err)
	}
	pings, err := newPings(brokers, *config)
	if err != nil {
		_, _ = subscriber.Close(), publisher.Close()
		return nil, fmt.Errorf("connect to Kafka: %w", err)
	}
	return &Bus{publisher: publisher, subscriber: subscriber, pings: pings, topics: topics{brokers: brokers, config: config, there: map[string]bool{}}}, nil
}

// newPings makes the client of Ping, apart from the others' because of its times: sarama
// knows no contexts.
func newPings(brokers []string, c sarama.Config) (sarama.Client, error) {
	c.Net.DialTimeout, c.Net.ReadTimeout, c.Net.WriteTimeout = pingTime, pingTime, pingTime
	c.Metadata.Retry.Max, c.Metadata.RefreshFrequency, c.Metadata.Timeout = 0, 0, pingTime
	c.Metadata.Full = false
	return sarama.NewClient(brokers, &c)
}

// Ping is that of broker.Bus: it asks any broker of the cluster for a topic that need not be
// there.
func (b *Bus) Ping(context.Context) error {
	err := b.pings.RefreshMetadata("switchyard-ping")
	var answer sarama.KError
	if errors.As(err, &answer) && !errors.Is(err, sarama.ErrSASLAuthenticationFailed) {
		return nil // what it says is of the topic, and from a broker that lets us in
	}
	return err
}

func parse(address string) (brokers []string, c *sarama.Config, err error) {
	scheme, rest, ok := strings.Cut(address, "://")
	at := strings.LastIndexByte(rest, '@')
	first, _, _ := strings.Cut(rest[at+1:], ",") // a URL has one host
	u, err := url.Parse(scheme + "://" + rest[:at+1] + first)
	if !ok || err != nil || u.Host == "" || u.Path != "" {
		return nil, nil, errors.New("the address must look like kafka://host:9092,host:9092") // it may hold a password: not shown
	}
	c = sarama.NewConfig()
	c.ClientID, c.Version = "switchyard", sarama.V2_4_0_0 // the first that chooses how often a topic is replicated
	c.Producer.Return.Successes, c.Producer.RequiredAcks = true, sarama.WaitForAll
	c.Producer.MaxMessageBytes = largest
	c.Producer.Partitioner = sarama.NewManualPartitioner // which is 0: one after the other
	c.Metadata.AllowAutoTopicCreation = false            // the broker's default may be several partitions
	c.Consumer.Offsets.Initial = sarama.OffsetNewest
	c.Net.TLS.Enable = u.Scheme == "kafkas"
	if u.User != nil {
		c.Net.SASL.Enable, c.Net.SASL.User = true, u.User.Username()
		c.Net.SASL.Password, _ = u.User.Password()
	}
	return strings.Split(rest[at+1:], ","), c, nil
}

// Close ends the producer and all subscriptions.
func (b *Bus) Close() {
	_ = b.subscriber.Close()
	_ = b.publisher.Close()
	_ = b.pings.Close()
}

// Publish is that of broker.Bus.
func (b *Bus) Publish(topic string, messages ...*message.Message) error {
	if err := b.topics.ensure(topic); err != nil {
		return err
	}
	err := b.publisher.Publish(topic, messages...)
	var own sarama.ConfigurationError // the client's, when it is larger than largest
	switch {
	case errors.Is(err, sarama.ErrMessageSizeTooLarge), errors.As(err, &own):
		return fmt.Errorf("%w: %w", broker.ErrTooLarge, err)
	case err != nil:
		b.topics.forget(topic)
	}
	return err
}

// Subscribe is that of broker.Bus.
func (b *Bus) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	if err := b.topics.ensure(topic); err != nil {
		return nil, err
	}
	return b.subscriber.Subscribe(ctx, topic)
}
