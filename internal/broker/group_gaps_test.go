package broker_test

import (
	"context"
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

// say brings so many events about.
func (n *testNode) say(count int) {
	n.t.Helper()
	for i := range count {
		if r := n.call(noteInput{Key: "k", Text: fmt.Sprint(i)}); r.Code != "" {
			n.t.Fatal(r.Code)
		}
	}
}

// A group is told of what it has missed also in a lane of which it has had no event yet,
// whether the lane was empty when it led or had a stranger's entry.
func TestAGroupIsToldOfALossBeforeItsFirstEvent(t *testing.T) {
	t.Parallel()
	for name, strangers := range map[string]int{"an empty lane": 0, "a stranger's entry": 1, "more of them": 100} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := testenv.Redis(t)
			rdb := testenv.Client(t, url)
			node := startNode(t, url, "worker", newNotebook(), onePartition)
			s := node.lanes.GroupSubscriber("g")
			in, err := s.Subscribe(t.Context(), broker.Events)
			if err != nil {
				t.Fatal(err)
			}
			for range strangers {
				values := []any{"_watermill_message_uuid", "s", "metadata", "", "payload", `{"text":"stranger"}`}
				if err := rdb.XAdd(t.Context(), &redis.XAddArgs{Stream: eventLane, Values: values}).Err(); err != nil {
					t.Fatal(err)
				}
				nextEvent(t, in, "stranger", "").Ack()
			}
			testenv.WaitFor(t, 20*time.Second, "what is known of the lane to be kept", func() bool {
				return rdb.HExists(t.Context(), "group:{g events}", "at mark "+eventLane).Val()
			})
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			node.say(5)
			if err := rdb.XTrimMaxLen(t.Context(), eventLane, 1).Err(); err != nil {
				t.Fatal(err)
			}
			nextEvent(t, node.group(), "4", broker.ResyncEpoch).Ack()
		})
	}
}

// group is what a member of the group g hears, until the test ends.
func (n *testNode) group() <-chan *message.Message {
	n.t.Helper()
	s := n.lanes.GroupSubscriber("g")
	n.t.Cleanup(func() { _ = s.Close() })
	in, err := s.Subscribe(n.t.Context(), broker.Events)
	if err != nil {
		n.t.Fatal(err)
	}
	return in
}

// A group of whose lane an older version has kept the position alone has missed nothing.
func TestAGroupWithoutAMarkHasMissedNothing(t *testing.T) {
	t.Parallel()
	url := testenv.Redis(t)
	rdb := testenv.Client(t, url)
	node := startNode(t, url, "worker", newNotebook(), onePartition)
	node.say(4)
	third := rdb.XRangeN(t.Context(), eventLane, "-", "+", 3).Val()[2].ID
	if err := rdb.HSet(t.Context(), "group:{g events}", "at "+eventLane, third).Err(); err != nil {
		t.Fatal(err)
	}
	in := node.group()
	nextEvent(t, in, "3", "").Ack()
}

// Nobody is told of what was gone before the group began.
func TestANewGroupHasMissedNothing(t *testing.T) {
	t.Parallel()
	url := testenv.Redis(t)
	rdb := testenv.Client(t, url)
	node := startNode(t, url, "worker", newNotebook(), onePartition)
	node.say(5)
	if err := rdb.XTrimMaxLen(t.Context(), eventLane, 2).Err(); err != nil {
		t.Fatal(err)
	}
	in := node.group()
	for n := 3; n < 5; n++ {
		nextEvent(t, in, fmt.Sprint(n), "").Ack()
	}
}

// Two groups must not have one key.
func TestAGroupHasNoSpaceInItsName(t *testing.T) {
	t.Parallel()
	rdb := testenv.Client(t, testenv.Embedded(t))
	s := broker.NewGroupSubscriber("mail new", rdb, rdb, slog.New(slog.DiscardHandler))
	defer s.Close()
	if _, err := s.Subscribe(t.Context(), "orders"); err == nil || !strings.Contains(err.Error(), `"mail new" has a space`) {
		t.Error(err)
	}
}

// Subscriptions that begin while the subscriber is closed end with it.
func TestSubscribingWhileClosing(t *testing.T) {
	t.Parallel()
	url := testenv.Embedded(t)
	log, rdb := slog.New(slog.DiscardHandler), manyReads(t, url)
	for range 50 {
		for _, s := range []message.Subscriber{broker.NewGroupSubscriber("g", rdb, rdb, log), broker.NewSubscriber(rdb, log)} {
			subscribed := make(chan (<-chan *message.Message))
			go func() {
				in, _ := s.Subscribe(context.Background(), "topic") // or it is closed already
				subscribed <- in
			}()
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if in := <-subscribed; in != nil {
				select {
				case <-in:
				case <-time.After(20 * time.Second):
					t.Fatal("a subscription goes on")
				}
			}
		}
	}
}

// Watermill lets a message have no id.
func TestAMessageWithoutAnID(t *testing.T) {
	t.Parallel()
	rdb := testenv.Client(t, testenv.Embedded(t))
	log := slog.New(slog.DiscardHandler)
	p, s := broker.NewPublisher(rdb, log), broker.NewGroupSubscriber("g", rdb, rdb, log)
	defer p.Close()
	defer s.Close()
	if err := p.Publish("topic", message.NewMessage("", []byte(`{"text":"1"}`))); err != nil {
		t.Fatal(err)
	}
	in, err := s.Subscribe(t.Context(), "topic")
	if err != nil {
		t.Fatal(err)
	}
	m := nextEvent(t, in, "1", "")
	m.Ack()
	if m.UUID == "" {
		t.Error("it has none")
	}
}
