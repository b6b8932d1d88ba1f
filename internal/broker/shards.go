package broker

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// On a single Redis one XREAD waits for all streams. On a Redis Cluster a command must
// stay in one slot, so each slot has a read of its own, which waits on a connection of
// its own, in a loop of its own: a partition does not wait for another one's node. All
// that a partition's key says in order is in one slot, and so in one loop.

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

// A commandReader reads commands: of all partitions that the worker owns, or on a Redis
// Cluster of one of them.
type commandReader struct {
	reader
	batch batchSize
	only  int // the partition; -1 for all
	parts int // how many such readers there are
}

// readers makes those of a worker.
func (w *Worker) readers() []*commandReader {
	newReader := func(only, parts int) *commandReader {
		return &commandReader{reader: reader{rdb: w.read}, batch: batchSize{now: readBatch, max: readBatch}, only: only, parts: parts}
	}
	if !onCluster(w.read) {
		return []*commandReader{newReader(-1, 1)}
	}
	all := make([]*commandReader, w.cfg.Partitions)
	for p := range all {
		all[p] = newReader(p, len(all))
	}
	return all
}

// share is how much of the room for commands a reader may fill, so that all together do
// not read more than there is room for.
func (r *commandReader) share(room int) int { return (room + r.parts - 1) / r.parts }

// waitForRoom waits while there is nothing to read from, or no room. Only one reader
// hears that there is room again: where there are several, they look.
func (r *commandReader) waitForRoom(ctx context.Context, w *Worker, full bool) {
	switch {
	case r.only < 0:
		w.waitForRoom(ctx, readBlock)
	case full:
		sleep(ctx, readPoll)
	default:
		sleep(ctx, readBlock)
	}
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

// appendReply writes a reply that go-redis has parsed as Redis had sent it.
func appendReply(b []byte, reply any) []byte {
	switch reply := reply.(type) {
	case nil:
		return append(b, "_\r\n"...)
	case []any:
		b = fmt.Appendf(b, "*%d\r\n", len(reply))
		for _, v := range reply {
			b = appendReply(b, v)
		}
	case map[any]any: // RESP3, by stream
		b = fmt.Appendf(b, "%%%d\r\n", len(reply))
		for k, v := range reply { // it has one: one stream was asked for
			b = appendReply(appendReply(b, k), v)
		}
	case string:
		b = append(strconv.AppendInt(append(b, '$'), int64(len(reply)), 10), "\r\n"...)
		b = append(append(b, reply...), "\r\n"...)
	default:
		b = fmt.Appendf(b, "+%v\r\n", reply)
	}
	return b
}
