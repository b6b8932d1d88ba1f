package broker_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/redis/go-redis/v9"

	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/testenv"
)

// What follows all events is told when some of them are gone before they came, also when
// it was away meanwhile, and nothing else.
func TestSubscribersAreToldWhatTheyHaveMissed(t *testing.T) {
	t.Parallel()
	testenv.OnBoth(t, func(t *testing.T, url string) {
		rdb := testenv.Client(t, url)
		node := startNode(t, url, "worker", newNotebook(), func(c *broker.Config) { c.Partitions = 1 })
		n := 0
		say := func(events int) {
			for range events {
				n++
				if r := node.call(noteInput{Key: "k", Text: fmt.Sprint(n)}); r.Code != "" {
					t.Fatalf("%s %s", r.Code, r.Body)
				}
			}
		}
		trim := func() {
			if err := rdb.XTrimMaxLen(t.Context(), eventLane, 1).Err(); err != nil {
				t.Fatal(err)
			}
		}
		next := func(in <-chan *message.Message, text, missed string) *message.Message {
			t.Helper()
			return nextEvent(t, in, text, missed)
		}
		group := func(test func(in <-chan *message.Message)) {
			s := node.lanes.GroupSubscriber("g")
			in, err := s.Subscribe(t.Context(), broker.Events)
			if err != nil {
				t.Fatal(err)
			}
			test(in)
			testenv.WaitFor(t, 10*time.Second, "the position to be kept", func() bool {
				return rdb.HGet(t.Context(), "group:{g "+broker.Events+"}", "at "+eventLane).Val() == lastID(t, rdb, eventLane)
			})
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
		say(2)
		trim()
		group(func(in <-chan *message.Message) { // it begins with what there is
			next(in, "2", "").Ack()
			say(1)
			next(in, "3", "").Ack()
		})
		say(1)
		group(func(in <-chan *message.Message) {
			next(in, "4", "").Ack()
			values := []any{"_watermill_message_uuid", "s", "metadata", "", "payload", `{"text":"stranger"}`, "_seq", "no number"}
			if err := rdb.XAdd(t.Context(), &redis.XAddArgs{Stream: eventLane, Values: values}).Err(); err != nil {
				t.Fatal(err)
			}
			next(in, "stranger", "").Ack()
		})
		say(3)
		trim()
		group(func(in <-chan *message.Message) {
			next(in, "7", broker.ResyncGap).Nack()
			next(in, "7", broker.ResyncGap).Ack() // the same message again
			say(1)
			next(in, "8", "").Ack()
		})

		s := node.lanes.Subscriber()
		in, err := s.Subscribe(t.Context(), broker.Events)
		if err != nil {
			t.Fatal(err)
		}
		say(1)
		slow := next(in, "9", "")
		say(3)
		trim()
		slow.Ack()
		next(in, "12", broker.ResyncGap).Ack()
		say(1)
		next(in, "13", "").Ack()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

// nextEvent is the next message, which must be that event and tell why others are gone.
func nextEvent(t *testing.T, in <-chan *message.Message, text, missed string) *message.Message {
	t.Helper()
	select {
	case m := <-in:
		if string(m.Payload) != `{"text":"`+text+`"}` || m.Metadata[broker.MetaMissed] != missed {
			t.Errorf("got %s, which tells %q; want %s and %q", m.Payload, m.Metadata[broker.MetaMissed], text, missed)
		}
		return m
	case <-time.After(15 * time.Second):
		t.Fatalf("event %s does not come", text)
		return nil
	}
}

// newest takes the event that was said last.
func (l *listener) newest(in <-chan *message.Message, missed string) {
	l.t.Helper()
	nextEvent(l.t, in, fmt.Sprint(l.sent), missed).Ack()
}

func (l *listener) subscribe(s message.Subscriber) <-chan *message.Message {
	l.t.Helper()
	in, err := s.Subscribe(l.t.Context(), broker.Events)
	if err != nil {
		l.t.Fatal(err)
	}
	return in
}

// A subscriber begins where the events are when it subscribes, so that it sees what is gone
// from there on before it has had any.
func TestASubscriberIsToldWhatItMissesFromTheStart(t *testing.T) {
	t.Parallel()
	testenv.OnBoth(t, func(t *testing.T, url string) {
		l := listen(t, url)
		l.say(1)
		s := l.lanes.Subscriber()
		in := l.subscribe(s)
		l.on.Store(true)
		l.say(3)
		l.do(l.rdb.XTrimMaxLen(t.Context(), eventLane, 1))
		l.on.Store(false)
		l.newest(in, broker.ResyncGap)
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		for heard := range 3 {
			s := l.lanes.Subscriber()
			in := l.subscribe(s)
			for range heard {
				l.say(1)
				l.newest(in, "")
			}
			l.do(l.rdb.FlushDB(t.Context()))
			l.say(1)
			l.newest(in, broker.ResyncEpoch)
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}

// Redis forgets a group and its position with the events. Who leads it does not.
func TestAGroupIsToldThatRedisWasEmptied(t *testing.T) {
	t.Parallel()
	testenv.OnBoth(t, func(t *testing.T, url string) {
		l := listen(t, url)
		key := "group:{g " + broker.Events + "}"
		s := l.lanes.GroupSubscriber("g")
		in := l.subscribe(s)
		for range 3 {
			l.say(1)
			l.newest(in, "")
		}
		l.on.Store(true)
		l.say(1)
		l.do(l.rdb.FlushDB(t.Context()))
		testenv.WaitFor(t, 10*time.Second, "the group to be led again", func() bool { return l.rdb.Exists(t.Context(), key).Val() == 1 })
		l.on.Store(false)
		l.say(1)
		l.newest(in, broker.ResyncEpoch)
		if err := s.Close(); err != nil {
			t.Error(err)
		}

		l.say(2) // while nobody is there, and then the lane and its numbers are gone, and the group is not
		l.do(l.rdb.Del(t.Context(), "own:{p0}", "cmd:{p0}", eventLane))
		l.say(1)
		s = l.lanes.GroupSubscriber("g")
		l.newest(l.subscribe(s), broker.ResyncEpoch)
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

// Who follows all events and counts the partitions differently would hear nothing of some.
func TestSubscribersCountThePartitionsAsNodesDo(t *testing.T) {
	t.Parallel()
	rdb := testenv.Client(t, testenv.Embedded(t))
	if err := rdb.Set(t.Context(), "partitions", 32, 0).Err(); err != nil {
		t.Fatal(err)
	}
	lanes := func(partitions int) *broker.Lanes {
		l, err := broker.NewLanes(broker.Config{Node: "projection", Partitions: partitions}, rdb, rdb, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		return l
	}
	both := func(l *broker.Lanes) []message.Subscriber {
		return []message.Subscriber{l.Subscriber(), l.GroupSubscriber("g")}
	}
	for _, s := range both(lanes(16)) {
		if _, err := s.Subscribe(t.Context(), broker.Events); err == nil || !strings.Contains(err.Error(), "PARTITIONS is 16 here and 32 in Redis") {
			t.Errorf("%T: %v", s, err)
		}
		if _, err := s.Subscribe(t.Context(), "topic"); err != nil {
			t.Errorf("%T: another topic: %v", s, err)
		}
		_ = s.Close()
	}
	n, err := broker.Partitions(t.Context(), rdb)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range both(lanes(n)) {
		if _, err := s.Subscribe(t.Context(), broker.Events); err != nil {
			t.Errorf("%T: %v", s, err)
		}
		_ = s.Close()
	}
}
