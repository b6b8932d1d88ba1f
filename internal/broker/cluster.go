package broker

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// On a Redis Cluster a partition is in one slot, and so is every command and every run of
// a script. On a single Redis one XREAD waits for all streams; here each slot has a read of
// its own, which waits on a connection of its own, in a loop of its own: a partition does
// not wait for another one's node. All that a partition's key says in order is in one slot,
// and so in one loop, and events are still handed over one at a time.
//
// The clients follow redirections, and send nothing twice. While a slot moves, Redis
// refuses whatever names several of its keys unless it has them all: commits wait and are
// tried again, and each stream is read by itself.

// onCluster tells whether a client's streams are in many places.
func onCluster(rdb redis.UniversalClient) bool {
	_, ok := rdb.(*redis.ClusterClient)
	return ok
}

// bySlot divides a tail so that each one's streams can be read together: on a single
// Redis they all can.
func (t *tail) bySlot() []*tail {
	if !onCluster(t.rdb) {
		return []*tail{t}
	}
	at := map[string]*tail{}
	var all []*tail
	for i, stream := range t.streams {
		tag := hashTag(stream)
		one := at[tag]
		if one == nil {
			one = newTail(t.rdb, nil)
			one.first, one.reader.reuse, one.reader.strict = i, t.reader.reuse, t.reader.strict
			at[tag] = one
			all = append(all, one)
		}
		if i < t.events {
			one.events++
		}
		one.streams, one.last = append(one.streams, stream), append(one.last, t.last[i])
	}
	return all
}

// hashTag is the part of a key that picks its slot.
func hashTag(key string) string {
	if _, rest, ok := strings.Cut(key, "{"); ok {
		if tag, _, ok := strings.Cut(rest, "}"); ok && tag != "" {
			return tag
		}
	}
	return key
}

// eachTail runs a loop for each tail until all have ended.
func eachTail(tails []*tail, loop func(*tail)) {
	var wg sync.WaitGroup
	for _, t := range tails[1:] {
		wg.Go(func() { loop(t) })
	}
	loop(tails[0])
	wg.Wait()
}

const migratingPoll = 25 * time.Millisecond // how often a slot that moves is read while nothing comes

// elsewhere follows an error of a read on a Redis Cluster. Where a slot is, is learned
// anew, and the next read goes there. While it moves, its keys are here and there, and
// those that do not exist are in neither place: a command with several of them is
// refused, so each stream is read by itself, without waiting. Who wants only what a
// replica has waits until the slot has arrived: those reads are not over one connection.
func (r *reader) elsewhere(ctx context.Context, failed error, streams, after []string, count int64, block time.Duration) ([]found, error) {
	cluster, ok := r.rdb.(*redis.ClusterClient)
	if !ok {
		return nil, failed
	}
	if r.strict || !redis.HasErrorPrefix(failed, "ASK ") && !redis.HasErrorPrefix(failed, "TRYAGAIN ") {
		cluster.ReloadState(ctx)
		return nil, failed
	}
	pipe := cluster.Pipeline()
	cmds := make([]*redis.Cmd, len(streams))
	for i, stream := range streams {
		cmds[i] = redis.NewCmd(ctx, "xread", "count", count, "streams", stream, after[i])
		cmds[i].SetFirstKeyPos(4)
		_ = pipe.Process(ctx, cmds[i]) // only queues
	}
	_, _ = pipe.Exec(ctx) // each command has its own error
	var all []found
	for i, cmd := range cmds {
		reply, err := cmd.Result()
		if errors.Is(err, redis.Nil) {
			continue
		}
		if err != nil {
			return nil, err
		}
		raw := appendReply(nil, reply)
		r.bytes += len(raw)
		one, err := parseRead(raw, streams[i:i+1])
		if err != nil {
			return nil, err
		}
		for _, f := range one {
			all = append(all, found{stream: i, entries: f.entries})
		}
	}
	if len(all) == 0 && block > 0 {
		sleep(ctx, min(block, migratingPoll))
	}
	return all, nil
}
