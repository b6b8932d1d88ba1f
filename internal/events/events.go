// Package events opens the broker that takes events to the gateways in place of Redis:
// NATS JetStream, AMQP 0-9-1 (RabbitMQ) or Kafka, each by Watermill's own module in a
// package below. broker.Bus says what it does, and broker.Relay how events get there. To
// leave a broker out of the binary, delete its package and its line in Open.
package events

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/events/amqp"
	"github.com/example/switchyard/internal/events/kafka"
	"github.com/example/switchyard/internal/events/nats"
)

type bus interface {
	broker.Bus
	Close()
}

// Open connects to the broker of a kind, as EVENTS names it; the function closes the
// connections. With redis it returns nil: there is nothing in between.
func Open(kind, url string, log *slog.Logger) (broker.Bus, func(), error) {
	var bus bus
	var err error
	switch kind {
	case "redis", "":
		return nil, func() {}, nil
	case "nats":
		bus, err = nats.Open(url, log)
	case "amqp":
		bus, err = amqp.Open(url, log)
	case "kafka":
		bus, err = kafka.Open(url, log)
	default:
		err = errors.New("there is no such broker")
	}
	if err != nil {
		return nil, nil, fmt.Errorf("EVENTS=%s: %w", kind, err)
	}
	return bus, bus.Close, nil
}
