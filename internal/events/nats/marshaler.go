package nats

import (
	watermillnats "github.com/ThreeDotsLabs/watermill-nats/v2/pkg/nats"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"
)

// A marshaler is Watermill's own, which puts metadata into headers. What it reads takes
// no acknowledgement: ordered consumers have none.
type marshaler struct{ watermillnats.NATSMarshaler }

// Unmarshal reads a message.
func (m *marshaler) Unmarshal(msg *nats.Msg) (*message.Message, error) {
	msg.Reply = ""
	return m.NATSMarshaler.Unmarshal(msg)
}
