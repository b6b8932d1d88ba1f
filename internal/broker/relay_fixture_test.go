package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/redis/go-redis/v9"

	"github.com/example/switchyard/internal/testenv"
)

// A fakeBus is a broker in memory, which can be away, lose messages and repeat them.
type fakeBus struct {
	mu    sync.Mutex
	away  bool
	lose  func(*message.Message) bool
	twice bool
	sent  []string // payloads that were accepted
	subs  []chan *message.Message
}

func (b *fakeBus) Publish(_ string, messages ...*message.Message) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.away {
		return errors.New("the broker is away")
	}
	for _, m := range messages {
		if string(m.Payload) == `"large"` {
			return fmt.Errorf("%w: by much", ErrTooLarge)
		}
		b.sent = append(b.sent, string(m.Payload))
		if b.lose != nil && b.lose(m) {
			continue
		}
		for range 1 + len(b.sent)%2*btoi(b.twice) {
			for _, s := range b.subs {
				c := message.NewMessage(m.UUID, slices.Clone(m.Payload))
				for k, v := range m.Metadata {
					c.Metadata[k] = v
				}
				s <- c
			}
		}
	}
	return nil
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (b *fakeBus) Ping(context.Context) error { return nil }

func (b *fakeBus) Subscribe(context.Context, string) (<-chan *message.Message, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := make(chan *message.Message, 10_000)
	b.subs = append(b.subs, s)
	return s, nil
}

func (b *fakeBus) set(f func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f()
}

// A listener is what a gateway hands over.
type listener struct {
	mu     sync.Mutex
	heard  []string
	missed []string
}

func (l *listener) handle(e *Event) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.heard = append(l.heard, string(e.Payload))
	return nil
}

func (l *listener) announce(reason string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.missed = append(l.missed, reason)
}

func (l *listener) wait(t *testing.T, want ...string) {
	t.Helper()
	testenv.WaitFor(t, 20*time.Second, fmt.Sprint("the events ", want), func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return len(l.heard) >= len(want)
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	if !slices.Equal(l.heard, want) {
		t.Fatalf("heard %v, want %v", l.heard, want)
	}
}

func relayLanes(t *testing.T, url, node string) *Lanes {
	t.Helper()
	l, err := NewLanes(Config{Node: node, Partitions: 2}, testenv.Client(t, url), testenv.Client(t, url), slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// add appends an event with a number of its own, as a commit does; n 0: a stranger's.
func add(t *testing.T, rdb redis.UniversalClient, n int, payload string) {
	t.Helper()
	addTo(t, rdb, 0, n, payload)
}

func addTo(t *testing.T, rdb redis.UniversalClient, partition, n int, payload string) {
	t.Helper()
	values := []any{fieldUUID, "id " + payload, fieldMetadata, encodePairs([]pair{{MetaNamespace, "/town"}, {MetaEvent, "cried"}}), fieldPayload, payload}
	if n > 0 {
		seq := fmt.Sprint("s.", n)
		if n == 1 {
			seq += " .0"
		}
		values = append(values, fieldSeq, seq)
	}
	if err := rdb.XAdd(t.Context(), &redis.XAddArgs{Stream: eventStream(partition), Values: values}).Err(); err != nil {
		t.Fatal(err)
	}
}

func startHearing(t *testing.T, l *Lanes, b Bus) *listener {
	t.Helper()
	_, heard := startGatewayOn(t, l, b)
	return heard
}

func startGatewayOn(t *testing.T, l *Lanes, b Bus) (*Gateway, *listener) {
	t.Helper()
	g, heard := NewGateway(l), &listener{}
	g.Through("fake", b)
	if err := g.Start(t.Context(), heard.handle, heard.announce); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	return g, heard
}
