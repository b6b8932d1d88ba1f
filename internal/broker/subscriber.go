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
// in memory, so a new process starts at the end.
//
// It is Watermill's message.Subscriber. Safe for concurrent use.
type Subscriber struct {
	rdb     redis.UniversalClient
	streams func(topic string) []string
	log     *slog.Logger

	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

var _ message.Subscriber = (*Subscriber)(nil)

// NewSubscriber makes a subscriber whose topics are streams of the same name. The
// client is used for blocking reads and stays open.
func NewSubscriber(rdb redis.UniversalClient, log *slog.Logger) *Subscriber {
	return newSubscriber(rdb, log, func(topic string) []string { return []string{topic} })
}

// Subscriber makes a subscriber that knows the topic Events as well.
func (l *Lanes) Subscriber() *Subscriber {
	return newSubscriber(l.read, l.log, l.streamsOf)
}

// streamsOf are the streams of a topic.
func (l *Lanes) streamsOf(topic string) []string {
	if topic == Events {
		return l.eventStreams()
	}
	return []string{topic}
}

func newSubscriber(rdb redis.UniversalClient, log *slog.Logger, streams func(string) []string) *Subscriber {
	s := &Subscriber{rdb: rdb, log: log, streams: streams}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// Subscribe fixes the position before it returns: nothing published after that is
// missed. The channel is closed when ctx or the subscriber ends.
func (s *Subscriber) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	t := newTail(s.rdb, s.streams(topic))
	if err := t.seekEnd(ctx); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	unhook := context.AfterFunc(s.ctx, cancel)
	out := make(chan *message.Message)
	s.wg.Go(func() {
		defer close(out)
		defer cancel()
		defer unhook()
		var turn sync.Mutex
		eachTail(t.bySlot(), func(t *tail) { s.run(ctx, t, &turn, out) })
	})
	return out, nil
}

// Close ends all subscriptions and waits for them.
func (s *Subscriber) Close() error {
	s.cancel()
	s.wg.Wait()
	return nil
}

// run hands over what a tail brings; the mutex is held while a message is not
// acknowledged.
func (s *Subscriber) run(ctx context.Context, t *tail, turn *sync.Mutex, out chan<- *message.Message) {
	defer t.reader.close()
	var wait, nacked backoff
	var malformed throttle
	for ctx.Err() == nil {
		all, err := t.next(ctx)
		if err != nil && ctx.Err() == nil {
			wait.sleep(ctx, s.log, "read topic", err)
			continue
		}
		wait.reset()
		for _, f := range all {
			for _, e := range f.entries {
				m, err := decode(e)
				if err != nil {
					malformed.warn(s.log, "skipped a malformed entry", "stream", t.streams[f.stream], "error", err)
					continue
				}
				turn.Lock()
				acked := deliverUntilAcked(ctx, m, out, s.log, &nacked)
				turn.Unlock()
				if !acked {
					return
				}
			}
		}
	}
}

var errNacked = errors.New("it was nacked")

// deliverUntilAcked hands a message over again until it is acknowledged; false means
// that ctx has ended before.
func deliverUntilAcked(ctx context.Context, m *message.Message, out chan<- *message.Message, log *slog.Logger, nacked *backoff) bool {
	for !deliver(ctx, m, out) {
		if ctx.Err() != nil {
			return false
		}
		nacked.sleep(ctx, log, "handle a message of a topic", errNacked)
	}
	nacked.reset()
	return true
}

// deliver hands a message over and tells whether it was acknowledged.
func deliver(ctx context.Context, m *message.Message, out chan<- *message.Message) bool {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	m = m.Copy()
	m.SetContext(ctx)
	select {
	case out <- m:
	case <-ctx.Done():
		return false
	}
	select {
	case <-m.Acked():
		return true
	case <-m.Nacked():
		return false
	case <-ctx.Done():
		return false
	}
}
