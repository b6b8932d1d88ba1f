package amqp

import (
	"encoding/json"
	"errors"
	"fmt"

	watermillamqp "github.com/ThreeDotsLabs/watermill-amqp/v3/pkg/amqp"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/rabbitmq/amqp091-go"
)

// A marshaler is Watermill's own, which puts metadata into headers, but for what is long:
// all headers must fit into one frame, and the broker closes the connection over one that
// does not. An answer that travels on an event may be longer. So what is long goes before
// the payload, as JSON, and the header "_long" says how many bytes it has.
type marshaler struct {
	watermillamqp.DefaultMarshaler
}

const (
	headerLong = "_long"
	most       = 32 << 10 // bytes of all headers, about; RabbitMQ's frames have 128 KiB
)

// Marshal makes an AMQP message.
func (m marshaler) Marshal(msg *message.Message) (amqp091.Publishing, error) {
	size := 0
	for name, value := range msg.Metadata {
		size += len(name) + len(value)
	}
	p, err := m.DefaultMarshaler.Marshal(msg)
	if err != nil || size <= most {
		return p, err
	}
	metadata, err := json.Marshal(msg.Metadata)
	if err != nil {
		return p, fmt.Errorf("encode metadata: %w", err)
	}
	for name := range msg.Metadata {
		delete(p.Headers, name)
	}
	p.Headers[headerLong] = int64(len(metadata))
	p.Body = append(metadata, p.Body...)
	return p, nil
}

var errLong = errors.New("it says that it has more metadata than it has")

// Unmarshal reads an AMQP message.
func (m marshaler) Unmarshal(d amqp091.Delivery) (*message.Message, error) {
	n, ok := d.Headers[headerLong].(int64)
	if !ok {
		return m.DefaultMarshaler.Unmarshal(d)
	}
	if n < 0 || n > int64(len(d.Body)) {
		return nil, errLong
	}
	delete(d.Headers, headerLong)
	metadata := d.Body[:n]
	d.Body = d.Body[n:]
	msg, err := m.DefaultMarshaler.Unmarshal(d)
	if err == nil {
		err = json.Unmarshal(metadata, &msg.Metadata)
	}
	return msg, err
}
