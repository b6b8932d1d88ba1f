package broker_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill-redisstream/pkg/redisstream"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/redis/go-redis/v9"

	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/testenv"
)

func TestStockWatermillOnTheOtherSide(t *testing.T) {
	t.Parallel()
	testenv.OnBoth(t, func(t *testing.T, url string) {
		rdb := testenv.Client(t, url)
		logger := watermill.NewSlogLogger(slog.New(slog.DiscardHandler))
		stockPub, err := redisstream.NewPublisher(redisstream.PublisherConfig{Client: rdb}, logger)
		if err != nil {
			t.Fatal(err)
		}
		stockSub, err := redisstream.NewSubscriber(redisstream.SubscriberConfig{Client: testenv.Client(t, url), ConsumerGroup: "g"}, logger)
		if err != nil {
			t.Fatal(err)
		}
		ours := broker.NewPublisher(rdb, slog.New(slog.DiscardHandler))
		sub := broker.NewSubscriber(testenv.Client(t, url), slog.New(slog.DiscardHandler))
		t.Cleanup(func() {
			for _, err := range []error{ours.Close(), sub.Close(), stockSub.Close()} {
				if err != nil {
					t.Error(err)
				}
			}
		})
		for name, tc := range map[string]struct {
			pub message.Publisher
			sub message.Subscriber
		}{
			"we write, stock reads": {ours, stockSub},
			"stock writes, we read": {stockPub, sub},
			"we write, we read":     {ours, sub},
		} {
			t.Run(name, func(t *testing.T) { conversation(t, rdb, tc.pub, tc.sub) })
		}
	})
}

// conversation publishes 100 messages right after Subscribe and expects each once,
// in order, nacking the fifth the first time.
func conversation(t *testing.T, rdb *redis.Client, pub message.Publisher, sub message.Subscriber) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	topic := t.Name()
	messages, err := sub.Subscribe(ctx, topic)
	if err != nil {
		t.Fatal(err)
	}
	const n = 100
	go func() {
		for i := range n {
			m := message.NewMessage(fmt.Sprint(i), []byte(fmt.Sprintf(`{"n":%d}`, i)))
			m.Metadata["n"] = fmt.Sprint(i)
			if err := pub.Publish(topic, m); err != nil {
				t.Error(err)
			}
		}
	}()
	nacked := false
	for i := 0; i < n; {
		select {
		case m := <-messages:
			if want := fmt.Sprint(i); m.UUID != want || m.Metadata["n"] != want {
				t.Fatalf("got %s, want %s", m.UUID, want)
			}
			if i == 5 && !nacked {
				nacked = true
				m.Nack()
				continue
			}
			m.Ack()
			i++
		case <-ctx.Done():
			t.Fatalf("got %d of %d messages", i, n)
		}
	}
}

func TestSubscribeMissesNothingPublishedAfterIt(t *testing.T) {
	t.Parallel()
	testenv.OnBoth(t, func(t *testing.T, url string) {
		rdb := testenv.Client(t, url)
		pub := broker.NewPublisher(rdb, slog.New(slog.DiscardHandler))
		sub := broker.NewSubscriber(rdb, slog.New(slog.DiscardHandler))
		defer pub.Close()
		defer sub.Close()
		for i := range 20 {
			topic := fmt.Sprint("topic", i)
			if err := pub.Publish(topic, message.NewMessage("before", nil)); err != nil {
				t.Fatal(err)
			}
			messages, err := sub.Subscribe(t.Context(), topic)
			if err != nil {
				t.Fatal(err)
			}
			if err := pub.Publish(topic, message.NewMessage("after", nil)); err != nil {
				t.Fatal(err)
			}
			select {
			case m := <-messages:
				if m.UUID != "after" {
					t.Fatalf("got %q", m.UUID)
				}
				m.Ack()
			case <-time.After(10 * time.Second):
				t.Fatal("missed the message published right after Subscribe")
			}
		}
	})
}

func TestPublisherSaysWhenNothingWasSent(t *testing.T) {
	t.Parallel()
	rdb := redis.NewClient(&redis.Options{Addr: fmt.Sprint("127.0.0.1:", testenv.FreePort(t)), MaxRetries: -1, DialerRetries: 1})
	defer rdb.Close()
	pub := broker.NewPublisher(rdb, slog.New(slog.DiscardHandler))
	if err := pub.Publish("t", message.NewMessage("a", nil)); !errors.Is(err, broker.ErrNotSent) {
		t.Errorf("nobody listens: %v", err)
	}
	if err := pub.Close(); err != nil {
		t.Fatal(err)
	}
	if err := pub.Publish("t", message.NewMessage("a", nil)); !errors.Is(err, broker.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
	url := testenv.Embedded(t)
	c := testenv.Client(t, url)
	if err := c.Set(t.Context(), "text", "x", 0).Err(); err != nil {
		t.Fatal(err)
	}
	pub = broker.NewPublisher(c, slog.New(slog.DiscardHandler))
	defer pub.Close()
	if err := pub.Publish("text", message.NewMessage("a", nil)); !errors.Is(err, broker.ErrNotSent) {
		t.Errorf("the key holds a text: %v", err)
	}
}

func TestANackIsNoHotLoop(t *testing.T) {
	t.Parallel()
	rdb := testenv.Client(t, testenv.Embedded(t))
	pub, sub := broker.NewPublisher(rdb, slog.New(slog.DiscardHandler)), broker.NewSubscriber(rdb, slog.New(slog.DiscardHandler))
	defer pub.Close()
	defer sub.Close()
	messages, err := sub.Subscribe(t.Context(), "topic")
	if err != nil {
		t.Fatal(err)
	}
	if err := pub.Publish("topic", message.NewMessage("a", nil)); err != nil {
		t.Fatal(err)
	}
	deliveries := 0
	for end := time.After(300 * time.Millisecond); ; deliveries++ {
		select {
		case m := <-messages:
			m.Nack()
			continue
		case <-end:
		}
		break
	}
	if deliveries > 4 { // at 0, 50 and 150 ms
		t.Errorf("%d deliveries in 300 ms", deliveries)
	}
}
