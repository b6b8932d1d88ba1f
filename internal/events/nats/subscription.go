package nats

import (
	"context"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"
)

// beat is how often the server says that a consumer is there: what is silent for two to
// four of them is made anew, as after a restart of the server.
const beat = time.Second

// A subscription hands over what an ordered consumer gets, one message after the other.
// It is in place of Watermill's own, which may write to the channel after closing it, and
// leaves it open when the stream is gone.
type subscription struct {
	*Bus
	topic string
	made  time.Time // the stream
	sub   *nats.Subscription
	out   chan *message.Message
}

// Subscribe is that of broker.Bus.
func (b *Bus) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	if err := b.ensure(topic); err != nil {
		return nil, err
	}
	stream, err := b.streams.StreamInfo(topic)
	if err != nil {
		b.forget(topic)
		return nil, err
	}
	// Ordered: a consumer of this subscription alone, without acknowledgements.
	sub, err := b.streams.SubscribeSync(topic, nats.OrderedConsumer(), nats.DeliverNew(), nats.IdleHeartbeat(beat))
	if err != nil {
		return nil, err
	}
	s := &subscription{Bus: b, topic: topic, made: stream.Created, sub: sub, out: make(chan *message.Message)}
	go s.run(ctx)
	return s.out, nil
}

// run ends with ctx, when the client has given the consumer up, as it does when there is no
// such stream any more, and when something was missed.
func (s *subscription) run(ctx context.Context) {
	defer close(s.out)
	defer func() { _ = s.sub.Unsubscribe() }()
	for {
		raw, err := s.sub.NextMsgWithContext(ctx)
		if err != nil || s.missed(raw) {
			return
		}
		m, err := (&marshaler{}).Unmarshal(raw)
		if err != nil {
			m = message.NewMessage("", nil) // who hears counts it as malformed
		}
		select {
		case s.out <- m:
		case <-ctx.Done():
			return
		}
		select {
		case <-m.Acked():
		case <-ctx.Done():
			return
		}
	}
}

// missed tells whether the client has dropped messages, since it could not keep so many, or
// the consumer was made anew on another stream of that name: it asks for the next number,
// and so leaves out what the new stream began with.
func (s *subscription) missed(m *nats.Msg) bool {
	if n, err := s.sub.Dropped(); err != nil || n > 0 {
		return true
	}
	place, err := m.Metadata()
	if err != nil || place.Sequence.Consumer > 1 {
		return err != nil
	}
	stream, err := s.streams.StreamInfo(s.topic)
	return err != nil || !stream.Created.Equal(s.made)
}
