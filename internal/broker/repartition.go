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
func Repartition(ctx context.Context, rdb redis.UniversalClient, n int) (moved int, err error) {
	if n < 1 || n > maxPartitions {
		return 0, fmt.Errorf("%d is not between 1 and %d", n, maxPartitions)
	}
	from, says, err := countPartitions(ctx, rdb)
	if err != nil {
		return 0, err
	}
	i := &Inspector{rdb, from}
	goal := fmt.Sprint(from, changesTo, n)
	switch _, to, begun := strings.Cut(says, changesTo); {
	case says == goal: // it was interrupted, and nothing has started since
	case begun && !strings.HasSuffix(to, looking):
		return 0, errChanging(says)
	default:
		if err := i.become(ctx, says, goal+looking); err != nil {
			return 0, err
		}
		if err := i.atRest(ctx, n); err != nil {
			return 0, errors.Join(err, i.become(ctx, goal+looking, strconv.Itoa(from)))
		}
		if err := i.become(ctx, goal+looking, goal); err != nil {
			return 0, err
		}
	}
	// A slot of a Redis Cluster that moves takes streams along to where they were looked for
	// before.
	for again := 1; again > 0; moved += again {
		if again, err = i.relocate(ctx, n); err != nil {
			return moved + again, fmt.Errorf("%w. No node can start: run this again", err)
		}
	}
	return moved, i.become(ctx, goal, strconv.Itoa(n))
}

const maxPartitions = 1024 // as config has it

// become changes what Redis says of the partitions, unless somebody else has.
func (i *Inspector) become(ctx context.Context, was, is string) error {
	ctx = context.WithoutCancel(ctx)
	err := i.rdb.Watch(ctx, func(tx *redis.Tx) error {
		switch says, err := tx.Get(ctx, partitionsKey).Result(); {
		case err != nil:
			return err
		case says != was:
			return redis.TxFailedErr
		}
		_, err := tx.TxPipelined(ctx, func(pipe redis.Pipeliner) error { return pipe.Set(ctx, partitionsKey, is, 0).Err() })
		return err
	}, partitionsKey)
	if errors.Is(err, redis.TxFailedErr) {
		return errors.New("somebody else changes the number of partitions: run this again")
	}
	if err != nil {
		return fmt.Errorf("set the key %q from %q to %q: %w", partitionsKey, was, is, err)
	}
	return nil
}

// atRest tells whether nothing is left that has its place in a partition, but for what
// relocate moves. A node that has left in order leaves nothing. One that starts meanwhile
// asks for the number of partitions again once it is seen here.
func (i *Inspector) atRest(ctx context.Context, n int) error {
	const again = ", and where a node has died start one, let it work that off, and stop it"
	for _, key := range []string{workersKey, gatewaysKey} {
		left, err := i.rdb.ZRange(ctx, key, 0, -1).Result()
		if err != nil {
			return fmt.Errorf("list the %s: %w", key, err)
		}
		if len(left) > 0 {
			return fmt.Errorf("%s are there: %s. Stop all nodes%s", key, strings.Join(left, ", "), again)
		}
	}
	all, _, err := i.states(ctx)
	for _, p := range all {
		switch {
		case p.Lease != "free":
			return fmt.Errorf("partition %d has an owner, %s. Stop all nodes%s", p.Partition, p.Boot, again)
		case p.Backlog > 0:
			return fmt.Errorf("partition %d has a backlog of %d commands: start a node, let it work that off, and stop it", p.Partition, p.Backlog)
		case p.DeadLetters > 0 && p.Partition >= n:
			return fmt.Errorf("partition %d has %d dead letters, and is to go: replay or drop them", p.Partition, p.DeadLetters)
		}
	}
	return err
}

// relocate moves what is kept. A stream that is elsewhere than its key's partition was
// stays: it is from an earlier number of partitions, and was not found any more.
func (i *Inspector) relocate(ctx context.Context, n int) (int, error) {
	var moved atomic.Int64
	err := i.eachKey(ctx, "kept:{p*", func(key string) error {
		p, rest, _ := strings.Cut(strings.TrimPrefix(key, "kept:{p"), "}:")
		names := strings.SplitN(rest, " ", 3) // namespace, event, and the key, which may have spaces
		if len(names) < 3 || p != strconv.Itoa(partitionOf(names[2], i.partitions)) || p == strconv.Itoa(partitionOf(names[2], n)) {
			return nil
		}
		target := "kept:{p" + strconv.Itoa(partitionOf(names[2], n)) + "}:" + rest
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
	rdb := i.rdb
	if !onCluster(rdb) {
		err := rdb.Rename(ctx, key, target).Err()
		if redis.HasErrorPrefix(err, "no such key") {
			return false, nil
		}
		return err == nil, err
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
	switch rdb := i.rdb.(type) {
	case *redis.Client:
		return scan(ctx, rdb)
	case *redis.ClusterClient:
		return rdb.ForEachMaster(ctx, scan)
	}
	return fmt.Errorf("a %T has no keys to look for", i.rdb)
}
