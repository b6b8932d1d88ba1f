package broker

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/redis/go-redis/v9"
)

// A Subscriber gives every message appended to a topic from the moment Subscribe
// has returned, to every subscription (fan-out). A message must be acknowledged
// before the next one comes; a nack brings it again, after a pause. Positions are kept
// in memory, so a new process starts at the end. Of events that it has missed it is told
// (MetaMissed).
//
// It is Watermill's message.Subscriber. Safe for concurrent use.
type Subscriber struct {
	*subscriptions
	tail func(ctx context.Context, topic string) (*tail, error)
	log  *slog.Logger
}

var _ message.Subscriber = (*Subscriber)(nil)

// NewSubscriber makes a subscriber whose topics are streams of the same name. The
// client is used for blocking reads and stays open.
func NewSubscriber(rdb redis.UniversalClient, log *slog.Logger) *Subscriber {
	return newSubscriber(log, func(_ context.Context, topic string) (*tail, error) { return newTail(rdb, []string{topic}), nil })
}

// Subscriber makes a subscriber that knows the topic Events as well.
func (l *Lanes) Subscriber() *Subscriber {
	return newSubscriber(l.log, func(ctx context.Context, topic string) (*tail, error) {
		streams, err := l.streamsOf(ctx, topic)
		t := newTail(l.read, streams)
		if topic == Events {
			t.events = len(streams)
		}
		return t, err
	})
}

func newSubscriber(log *slog.Logger, tail func(context.Context, string) (*tail, error)) *Subscriber {
	return &Subscriber{subscriptions: newSubscriptions(), log: log, tail: tail}
}

// Subscribe fixes the position before it returns: nothing published after that is
// missed. The channel is closed when ctx or the subscriber ends.
func (s *Subscriber) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	t, err := s.tail(ctx, topic)
	if err != nil {
		return nil, err
	}
	marks, err := t.seekEnd(ctx)
	if err != nil {
		return nil, err
	}
	out := make(chan *message.Message)
	d := newDelivery(out, s.log)
	for i, at := range marks {
		d.resume(t.streams[i], at)
	}
	return s.begin(ctx, out, func(ctx context.Context) {
		eachTail(t.bySlot(), func(t *tail) { t.follow(ctx, s.log, "read topic", d.handAll) })
	})
}

// subscriptions are those of one subscriber.
type subscriptions struct {
	ctx    context.Context // of all of them
	cancel context.CancelFunc
	begins sync.Mutex // held where one begins, and where none does any more
	wg     sync.WaitGroup
}

func newSubscriptions() *subscriptions {
	ctx, cancel := context.WithCancel(context.Background())
	return &subscriptions{ctx: ctx, cancel: cancel}
}

var errSubscriberClosed = errors.New("the subscriber is closed")

// begin has run send to out until ctx or the subscriber ends.
func (s *subscriptions) begin(ctx context.Context, out chan *message.Message, run func(context.Context)) (<-chan *message.Message, error) {
	s.begins.Lock()
	defer s.begins.Unlock()
	if s.ctx.Err() != nil {
		return nil, errSubscriberClosed
	}
	ctx, cancel := context.WithCancel(ctx)
	unhook := context.AfterFunc(s.ctx, cancel)
	s.wg.Go(func() {
		defer close(out)
		defer cancel()
		defer unhook()
		run(ctx)
	})
	return out, nil
}

// Close ends all subscriptions and waits for them.
func (s *subscriptions) Close() error {
	s.begins.Lock()
	s.cancel()
	s.begins.Unlock()
	s.wg.Wait()
	return nil
}
