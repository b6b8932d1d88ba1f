package broker

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/redis/go-redis/v9"
)

// Repartition changes the number of partitions while no node runs, and moves what is kept
// of events to the partitions that their keys have then. It returns how many streams those
// were. Meanwhile no node can start; nor after an interruption, before it was run again.
//
// Outcomes of commands with an idempotency key stay where they were: not all are found
// afterwards.
func (i *Inspector) Repartition(ctx context.Context, n int) (moved int, err error) {
	if n < 1 || n > maxPartitions {
		return 0, fmt.Errorf("%d is not between 1 and %d", n, maxPartitions)
	}
	rdb, from, goal := i.lanes.rdb, i.lanes.cfg.Partitions, fmt.Sprint(i.lanes.cfg.Partitions, changesTo, n)
	set := func(value string) error {
		if err := rdb.Set(context.WithoutCancel(ctx), partitionsKey, value, 0).Err(); err != nil {
			return fmt.Errorf("set the key %q to %q: %w", partitionsKey, value, err)
		}
		return nil
	}
	switch begun, err := rdb.Get(ctx, partitionsKey).Result(); {
	case err != nil:
		return 0, fmt.Errorf("ask Redis for the number of partitions: %w", err)
	case begun == goal: // and was interrupted
	case strings.Contains(begun, changesTo):
		return 0, errChanging(begun)
	default:
		if err := set(goal); err != nil {
			return 0, err
		}
		sleep(ctx, beatEvery) // who began to start before that beats
		if err := i.atRest(ctx, n); err != nil {
			return 0, errors.Join(err, set(strconv.Itoa(from)))
		}
	}
	if moved, err = i.relocate(ctx, n); err != nil {
		return moved, fmt.Errorf("%w. No node can start: run this again", err)
	}
	return moved, set(strconv.Itoa(n))
}

const (
	partitionsKey = "partitions" // their number; while it is changed "16 to 32"
	changesTo     = " to "

	maxPartitions = 1024 // as config has it
)

func errChanging(says string) error {
	_, n, _ := strings.Cut(says, changesTo)
	return fmt.Errorf("the number of partitions is being changed from %s: wait until \"yard repartition %s\" has ended, or run it again if it was interrupted", says, n)
}

// atRest tells whether nothing is left that has its place in a partition, but for what
// relocate moves.
func (i *Inspector) atRest(ctx context.Context, n int) error {
	rdb := i.lanes.rdb
	now, err := rdb.Time(ctx).Result()
	if err != nil {
		return fmt.Errorf("ask Redis for the time: %w", err)
	}
	for _, key := range []string{workersKey, gatewaysKey} {
		beats, err := rdb.ZRangeWithScores(ctx, key, 0, -1).Result()
		if err != nil {
			return fmt.Errorf("list the %s: %w", key, err)
		}
		for _, b := range beats {
			if b.Score > float64(now.Add(-leaseFor).UnixMilli()) {
				return fmt.Errorf("%v, of the %s, runs: stop all nodes", b.Member, key)
			}
		}
	}
	const again = ": start a node until it has worked that off, and stop it"
	all, _, err := i.states(ctx)
	for _, p := range all {
		switch {
		case p.Backlog > 0:
			return fmt.Errorf("partition %d has a backlog of %d commands%s", p.Partition, p.Backlog, again)
		case p.DeadLetters > 0 && p.Partition >= n:
			return fmt.Errorf("partition %d has %d dead letters, and is to go: replay or drop them", p.Partition, p.DeadLetters)
		}
	}
	return errors.Join(err, i.eachKey(ctx, "roster:{p*", func(key string) error {
		return fmt.Errorf("%s has the last commands of sockets whose gateway died%s", key, again)
	}))
}

// relocate moves what is kept. A stream that is elsewhere than its key's partition was
// stays: it is from an earlier number of partitions, and was not found any more.
func (i *Inspector) relocate(ctx context.Context, n int) (int, error) {
	var moved atomic.Int64
	to := &Lanes{cfg: Config{Partitions: n}}
	err := i.eachKey(ctx, "kept:{p*", func(key string) error {
		p, rest, _ := strings.Cut(strings.TrimPrefix(key, "kept:{p"), "}:")
		names := strings.SplitN(rest, " ", 3) // namespace, event, and the key, which may have spaces
		if len(names) < 3 || p != strconv.Itoa(i.lanes.partition(names[2])) || p == strconv.Itoa(to.partition(names[2])) {
			return nil
		}
		target := "kept:{p" + strconv.Itoa(to.partition(names[2])) + "}:" + rest
		ok, err := i.move(ctx, key, target)
		if err != nil {
			return fmt.Errorf("move %q to %q: %w", key, target, err)
		}
		if ok {
			moved.Add(1)
		}
		return nil
	})
	return int(moved.Load()), err
}

// move renames a key, also to another node of a Redis Cluster; false means that there is
// none any more.
func (i *Inspector) move(ctx context.Context, key, target string) (bool, error) {
	rdb := i.lanes.rdb
	if !onCluster(rdb) {
		if n, err := rdb.Exists(ctx, key).Result(); err != nil || n == 0 {
			return false, err
		}
		return true, rdb.Rename(ctx, key, target).Err()
	}
	value, err := rdb.Dump(ctx, key).Result()
	if errors.Is(err, redis.Nil) {
		return false, nil
	}
	if err == nil {
		err = rdb.RestoreReplace(ctx, target, 0, value).Err()
	}
	if err == nil {
		err = rdb.Del(ctx, key).Err()
	}
	return true, err
}

// eachKey hands over the keys of a pattern, on a Redis Cluster those of several masters at
// a time, until one is refused. It may hand one over twice, or one that came meanwhile.
func (i *Inspector) eachKey(ctx context.Context, pattern string, see func(key string) error) error {
	scan := func(ctx context.Context, node *redis.Client) error {
		keys := node.Scan(ctx, 0, pattern, 1000).Iterator()
		for keys.Next(ctx) {
			if err := see(keys.Val()); err != nil {
				return err
			}
		}
		if err := keys.Err(); err != nil {
			return fmt.Errorf("look for the keys %s: %w", pattern, err)
		}
		return nil
	}
	switch rdb := i.lanes.rdb.(type) {
	case *redis.Client:
		return scan(ctx, rdb)
	case *redis.ClusterClient:
		return rdb.ForEachMaster(ctx, scan)
	}
	return fmt.Errorf("a %T has no keys to look for", i.lanes.rdb)
}
