package broker

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
)

// A GroupSubscriber gives every message of a topic once to its group, however many
// processes subscribe: one member leads and gets the messages, in order, and the
// others stand by and take over within three seconds when it is gone. The group's
// position is kept in Redis, so that it goes on where it was after everything was
// stopped; a new group begins at the oldest message that is kept. It is what a
// projection or a webhook wants.
//
// A message must be acknowledged before the next one comes; a nack brings it again,
// after a pause. Delivery is at least once: when a leader dies, the messages of its
// last half second come again. A group that was away for longer than its lanes keep
// events is told (MetaMissed), and that Redis was emptied, unless nobody led it then.
//
// There is no consumer group of Redis in it: those do not fence, and do not keep
// order when a message is claimed.
//
// It is Watermill's message.Subscriber. Safe for concurrent use.
type GroupSubscriber struct {
	*subscriptions
	rdb     redis.UniversalClient
	read    redis.UniversalClient
	name    string
	streams func(ctx context.Context, topic string) ([]string, error)
	log     *slog.Logger
}

var _ message.Subscriber = (*GroupSubscriber)(nil)

// NewGroupSubscriber makes a member of a group whose topics are streams of the same
// name. The second client is used for blocking reads; both stay open.
func NewGroupSubscriber(name string, rdb, read redis.UniversalClient, log *slog.Logger) *GroupSubscriber {
	return &GroupSubscriber{
		subscriptions: newSubscriptions(), rdb: rdb, read: read, name: name, log: log,
		streams: func(_ context.Context, topic string) ([]string, error) { return []string{topic}, nil },
	}
}

// GroupSubscriber makes a member of a group that knows the topic Events as well.
func (l *Lanes) GroupSubscriber(name string) *GroupSubscriber {
	s := NewGroupSubscriber(name, l.rdb, l.read, l.log)
	s.streams = l.streamsOf
	return s
}

// Subscribe joins the group. The channel is closed when ctx or the subscriber ends.
func (s *GroupSubscriber) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	if strings.Contains(s.name, " ") {
		return nil, fmt.Errorf("the group %q has a space in its name, which others' keys in Redis have in that place: leave it out", s.name)
	}
	in, err := s.streams(ctx, topic)
	if err != nil {
		return nil, err
	}
	m := &member{
		GroupSubscriber: s, topic: topic, id: uuid.NewString(),
		key: groupKey(s.name, topic), in: in,
	}
	out := make(chan *message.Message)
	m.follower = func() handFunc { return m.oneByOne(out) }
	return s.begin(ctx, out, m.run)
}

// A member is one subscription.
type member struct {
	*GroupSubscriber
	topic string
	id    string
	key   string
	in    []string // streams

	follower func() handFunc // for each time that it leads
	recent   time.Duration   // how old entries are that a group without a position begins with; 0: the oldest
	strict   bool            // only what a replica of Redis has is handed over

	epoch int64
	begin string // position where there is none

	mu      sync.Mutex
	renewed time.Time         // when the lease that there is was asked for
	at      map[string]string // positions, by stream, numbers, by markKey, and beginKey
	kept    map[string]string // those that Redis has
}

func (m *member) run(ctx context.Context) {
	var wait backoff
	for ctx.Err() == nil {
		leads, err := m.take(ctx)
		switch {
		case err != nil && ctx.Err() == nil:
			wait.sleep(ctx, m.log, "take the lead of group "+m.name, err)
			continue
		case !leads:
			wait.reset()
			sleep(ctx, beatEvery)
			continue
		}
		wait.reset()
		m.log.Info("leads a group", "group", m.name, "topic", m.topic)
		if err := m.lead(ctx); err != nil {
			m.log.Warn("no longer leads a group", "group", m.name, "topic", m.topic, "error", err)
		}
	}
}

// deliver reads on from the positions and hands over what comes.
func (m *member) deliver(ctx context.Context) {
	t := newTail(m.read, m.in)
	t.reader.strict = m.strict
	for i, stream := range m.in {
		t.last[i] = m.begin
		if id, ok := m.at[stream]; ok {
			t.last[i] = id
		}
	}
	hand := m.follower()
	eachTail(t.bySlot(), func(t *tail) { t.follow(ctx, m.log, "read topic "+m.topic, hand) })
}

// oneByOne hands messages over to Watermill.
func (m *member) oneByOne(out chan *message.Message) handFunc {
	d := newDelivery(out, m.log)
	for _, stream := range m.in {
		if at, ok := parseMark(m.at[markKey(stream)]); ok {
			d.resume(stream, at)
		}
	}
	return func(ctx context.Context, t *tail, all []found) bool {
		for _, f := range all {
			stream := t.streams[f.stream]
			for _, e := range f.entries {
				if !m.awaitLease(ctx) || !d.hand(ctx, stream, e) {
					return false
				}
				m.passed(stream, e)
			}
		}
		return true
	}
}

// passed moves the position of a stream, and with it the number of its last event.
func (m *member) passed(stream string, e entry) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.at[stream] = strings.Clone(e.id)
	if at, _, ok := parseSeq(e.seq); ok {
		m.at[markKey(stream)] = at.String()
	}
}

// markKey is what a group keeps the number of its last event of a stream under, beside the
// position.
func markKey(stream string) string { return "mark " + stream }
