package kafka

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/IBM/sarama"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/testenv"
)

func TestAddresses(t *testing.T) {
	t.Parallel()
	brokers, c, err := parse("kafkas://me:s%40crt@one:9092,two:9093")
	if err != nil || strings.Join(brokers, " ") != "one:9092 two:9093" || !c.Net.TLS.Enable || c.Net.SASL.User != "me" || c.Net.SASL.Password != "s@crt" {
		t.Errorf("%v %v", brokers, err)
	}
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
	if brokers, c, err = parse("kafka://one:9092"); err != nil || len(brokers) != 1 || c.Net.TLS.Enable || c.Net.SASL.Enable {
		t.Errorf("%v %v", brokers, err)
	}
	for _, bad := range []string{"", "one:9092", "kafka://", "kafka://one:9092/topic", "kafka://user:hunter2@"} {
		if _, _, err := parse(bad); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestPing(t *testing.T) {
	t.Parallel()
	server, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	b, err := Open("kafka://"+server.ListenAddrs()[0], slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	for range 2 {
		if err := b.Ping(t.Context()); err != nil {
			t.Errorf("it is there: %v", err)
		}
	}
	server.Close()
	if b.Ping(t.Context()) == nil {
		t.Error("it is gone, and answers")
	}
}

// The relay may come first, to a broker that makes any topic with three partitions.
func TestTheTopicHasOnePartition(t *testing.T) {
	t.Parallel()
	server, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.AllowAutoTopicCreation(), kfake.DefaultNumPartitions(3), kfake.SeedTopics(3, "wide"))
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	b := open(t, "kafka://"+server.ListenAddrs()[0])
	if err := b.Publish("events", message.NewMessage("before", nil)); err != nil {
		t.Fatal(err)
	}
	in, err := b.Subscribe(t.Context(), "events")
	if err != nil {
		t.Fatal(err)
	}
	for n := range 30 {
		if err := b.Publish("events", message.NewMessage(fmt.Sprint(n), nil)); err != nil {
			t.Fatal(err)
		}
	}
	for n := range 30 {
		m := <-in
		m.Ack()
		if m.UUID != fmt.Sprint(n) {
			t.Errorf("heard %s, want %d", m.UUID, n)
		}
	}
	_, err = b.Subscribe(t.Context(), "wide")
	for _, err := range []error{err, b.Publish("wide", message.NewMessage("1", nil))} {
		if err == nil || !strings.Contains(err.Error(), "3 partitions") {
			t.Errorf("with three partitions: %v", err)
		}
	}
}

// What the client refuses by itself is too large, too.
func TestLargerThanTheClientTakes(t *testing.T) {
	t.Parallel()
	b := open(t, testenv.Kafka(t))
	if err := b.Publish("events", message.NewMessage("1", make([]byte, largest+1))); !errors.Is(err, broker.ErrTooLarge) {
		t.Errorf("want ErrTooLarge, got: %v", err)
	}
}

func open(t *testing.T, url string) *Bus {
	t.Helper()
	b, err := Open(url, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

// says is a client that a broker gives one answer.
type says struct {
	sarama.Client
	err error
}

func (s says) RefreshMetadata(...string) error { return s.err }

// A broker that does not let the node in takes no events. What else it says is of a topic
// that nobody needs.
func TestPingOfWhoIsNotLetIn(t *testing.T) {
	t.Parallel()
	refused := sarama.ErrSASLAuthenticationFailed
	for err, fails := range map[error]bool{
		nil: false, sarama.ErrUnknownTopicOrPartition: false, sarama.ErrTopicAuthorizationFailed: false,
		refused: true, sarama.Wrap(refused, errors.New("wrong password")): true, sarama.ErrOutOfBrokers: true,
	} {
		if got := (&Bus{pings: says{err: err}}).Ping(t.Context()); (got != nil) != fails {
			t.Errorf("when it says %v: %v", err, got)
		}
	}
}
