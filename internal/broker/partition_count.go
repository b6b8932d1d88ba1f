package broker

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

// What the key "partitions" says besides a number, see partitionsKey.
const (
	changesTo = " to "
	looking   = "?"
)

// agreeOnPartitions keeps the number of partitions in Redis: a node that counted
// differently would look for a key's commands, and their replies, in another partition.
func (l *Lanes) agreeOnPartitions(ctx context.Context) error {
	ours := strconv.Itoa(l.cfg.Partitions)
	setErr := l.rdb.SetNX(ctx, partitionsKey, ours, 0).Err() // which is refused at maxmemory, also when it is set
	theirs, err := l.rdb.Get(ctx, partitionsKey).Result()
	switch {
	case err != nil:
		return fmt.Errorf("agree on the number of partitions: %w", errors.Join(setErr, err))
	case strings.Contains(theirs, changesTo):
		return errChanging(theirs)
	case theirs != ours:
		return fmt.Errorf("PARTITIONS is %s here and %s in Redis: set it to %s, or stop all nodes and change it there: yard repartition %s",
			ours, theirs, theirs, ours)
	}
	return nil
}

// Partitions asks Redis for their number, which a program that is no node has to know:
// PARTITIONS is said to nodes alone.
func Partitions(ctx context.Context, rdb redis.UniversalClient) (int, error) {
	n, says, err := countPartitions(ctx, rdb)
	if err == nil && strings.Contains(says, changesTo) {
		return 0, errChanging(says)
	}
	return n, err
}

// countPartitions is their number, while it is changed the old one, and what Redis says of it.
func countPartitions(ctx context.Context, rdb redis.UniversalClient) (n int, says string, err error) {
	says, err = rdb.Get(ctx, partitionsKey).Result()
	switch {
	case errors.Is(err, redis.Nil):
		return 0, "", errors.New("this Redis has no lanes: no node has started on it; is it the right one, and the right database?")
	case err != nil:
		return 0, "", fmt.Errorf("ask Redis for the number of partitions: %w", err)
	}
	number, _, _ := strings.Cut(says, changesTo)
	if n, err = strconv.Atoi(number); err != nil || n < 1 {
		return 0, "", fmt.Errorf("the key %q says %q, which no node has written", partitionsKey, says)
	}
	return n, says, nil
}

func errChanging(says string) error {
	from, n, _ := strings.Cut(strings.TrimSuffix(says, looking), changesTo)
	return fmt.Errorf("the number of partitions is being changed from %s to %s: wait until \"yard repartition %s\" has ended, or run it again if it was interrupted", from, n, n)
}
