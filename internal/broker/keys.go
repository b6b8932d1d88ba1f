package broker

import (
	"context"
	"strconv"

	"github.com/example/switchyard/internal/contract"
)

// The keys in Redis. All that a command touches carries the hash tag of its partition.
const (
	workersKey  = "workers"  // who runs commands: boots, by the time of their last beats
	gatewaysKey = "gateways" // who holds sockets: lives, likewise, see census.go

	// partitionsKey has the number of partitions, and while it is changed "16 to 32", or
	// "16 to 32?" while nothing was moved yet.
	partitionsKey = "partitions"
)

// commandStream has the accepted, not yet completed commands: the stream is the backlog.
func commandStream(p int) string { return "cmd:{p" + strconv.Itoa(p) + "}" }

// eventStream has events, and requests to the nodes that hold sockets.
func eventStream(p int) string { return "evt:{p" + strconv.Itoa(p) + "}" }

// deadStream has the dead letters: commands that failed by accident.
func deadStream(p int) string { return "dlq:{p" + strconv.Itoa(p) + "}" }

// ownerKey says who owns the partition: node, boot, epoch, until; numbers of commits and
// events; what was there when an owner died.
func ownerKey(p int) string { return "own:{p" + strconv.Itoa(p) + "}" }

// recordPrefix begins the keys of the outcomes of commands with an idempotency key.
func recordPrefix(p int) string { return "idem:{p" + strconv.Itoa(p) + "}:" }

// forwardKey says that a follow-up command was sent on to this partition, and so is not
// again.
func forwardKey(p int, command string) string { return "fwd:{p" + strconv.Itoa(p) + "}:" + command }

// rosterKey has the commands to submit when sockets of a gateway are gone, see roster.go.
func rosterKey(p int, life string) string { return "roster:{p" + strconv.Itoa(p) + "}:" + life }

// historyKey is the stream of an event and a key. No two have the same: neither a
// namespace nor an event has a space in its name.
func historyKey(p int, e contract.EventSpec, key string) string {
	return "kept:{p" + strconv.Itoa(p) + "}:" + e.Namespace.Name + " " + e.Name + " " + key
}

// replyStream is where a gateway reads its replies: one for those of all partitions,
// since each stream has a price at each read. On a Redis Cluster it must be where the
// partition is.
func (l *Lanes) replyStream(p int, boot string) string {
	if onCluster(l.rdb) {
		return "rep:{p" + strconv.Itoa(p) + "}:" + boot
	}
	return "rep:" + boot
}

// answerStream has what nodes answer to the questions of one process, see question.go.
func answerStream(boot string) string { return "ans:" + boot }

// groupKey says who leads a group of subscribers, and how far it is.
func groupKey(name, topic string) string { return "group:{" + name + " " + topic + "}" }

// replicaKey is written to wait for a replica of what is in a slot, see strict.go.
func replicaKey(tag string) string { return "strict:{" + tag + "}" }

// eventStreams are the streams of all partitions, by partition.
func (l *Lanes) eventStreams() []string {
	s := make([]string, l.cfg.Partitions)
	for p := range s {
		s[p] = eventStream(p)
	}
	return s
}

// streamsOf are the streams of a topic. Who counted the partitions differently would miss
// the events of some.
func (l *Lanes) streamsOf(ctx context.Context, topic string) ([]string, error) {
	if topic == Events {
		return l.eventStreams(), l.agreeOnPartitions(ctx)
	}
	return []string{topic}, nil
}

func (l *Lanes) partition(key string) int { return partitionOf(key, l.cfg.Partitions) }

// partitionOf is the lane of a key: FNV-1a, the same on every node and for ever.
func partitionOf(key string, partitions int) int {
	h := uint64(14695981039346656037)
	for i := range len(key) {
		h = (h ^ uint64(key[i])) * 1099511628211
	}
	return int((h ^ h>>32) % uint64(partitions))
}
