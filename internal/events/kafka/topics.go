package kafka

import (
	"errors"
	"fmt"
	"sync"

	"github.com/IBM/sarama"
)

const retention = "3600000" // ms that a topic which we make keeps events

// topics sees to it that a topic has one partition: only what is in one is read in order.
type topics struct {
	brokers []string
	config  *sarama.Config

	mu    sync.Mutex
	there map[string]bool // those that were seen
}

// ensure makes a topic, unless there is one, as far as Kafka lets us.
func (t *topics) ensure(topic string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.there[topic] {
		return nil
	}
	admin, err := sarama.NewClusterAdmin(t.brokers, t.config)
	if err != nil {
		return fmt.Errorf("ask Kafka for the topic %s: %w", topic, err)
	}
	defer func() { _ = admin.Close() }()
	age := retention
	denied := admin.CreateTopic(topic, &sarama.TopicDetail{NumPartitions: 1, ReplicationFactor: -1, ConfigEntries: map[string]*string{"retention.ms": &age}}, false)
	if errors.Is(denied, sarama.ErrTopicAlreadyExists) {
		denied = nil
	}
	n, err := t.partitions(topic)
	switch {
	case err != nil:
		return fmt.Errorf("look up the topic %s: %w", topic, errors.Join(denied, err))
	case n != 1:
		return fmt.Errorf("the topic %s has %d partitions, in which events get out of order: it must have one", topic, n)
	}
	t.there[topic] = true
	return nil
}

// partitions waits for a topic that was just made.
func (t *topics) partitions(topic string) (int, error) {
	client, err := sarama.NewClient(t.brokers, t.config)
	if err != nil {
		return 0, err
	}
	defer func() { _ = client.Close() }()
	if err := client.RefreshMetadata(topic); err != nil {
		return 0, err
	}
	all, err := client.Partitions(topic)
	return len(all), err
}

// forget has the next call look for the topic.
func (t *topics) forget(topic string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.there, topic)
}
