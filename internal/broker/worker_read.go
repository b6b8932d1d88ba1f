package broker

import (
	"context"
	"time"
)

const (
	partitionWindow = 256                    // entries of one partition read ahead of their commits
	readBatch       = 128                    // entries of one partition in one read
	readBlock       = 250 * time.Millisecond // how soon a reader notices a new partition
	readPoll        = 5 * time.Millisecond   // how often it looks while a partition is full
)

// follow reads the commands of the owned partitions, those that are the reader's, until
// ctx ends.
func (w *Worker) follow(ctx context.Context, r *commandReader) {
	defer r.close()
	wait := backoff{shared: &w.unread}
	for ctx.Err() == nil {
		parts, full := w.readable(r)
		room := r.share(w.cfg.InFlight - int(w.inFlight.Load()))
		if len(parts) == 0 || room <= 0 {
			r.waitForRoom(ctx, w, full || room <= 0)
			continue
		}
		if room < len(parts) { // they come in no order, so each has its turn
			parts, full = parts[:room], true
		}
		n, err := w.readOnce(ctx, r, parts, full, int64(room/len(parts)))
		switch {
		case err != nil && ctx.Err() == nil:
			wait.sleep(ctx, w.log, "read commands", err)
			continue
		case n == 0 && full:
			w.waitForRoom(ctx, readPoll)
		}
		wait.reset()
	}
}

// readable lists the owned partitions that may be read further, and tells whether
// there are others, or keys that are behind.
func (w *Worker) readable(r *commandReader) (parts []*partition, full bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range w.owned {
		switch {
		case r.only >= 0 && p.number != r.only:
		case !p.readable():
		case p.suspects.underWay():
			full = true
		case p.open.Load() >= partitionWindow:
			full = true
		default:
			parts = append(parts, p)
			full = full || len(p.behind) > 0
		}
	}
	return parts, full
}

// readOnce reads from the given partitions, at most so many entries of each. While
// another one is full, or a key is, it does not wait for entries, so that it sees soon
// when there is room.
func (w *Worker) readOnce(ctx context.Context, r *commandReader, parts []*partition, full bool, most int64) (n int, err error) {
	streams, after := make([]string, len(parts)), make([]string, len(parts))
	for i, p := range parts {
		streams[i], after[i] = p.commands, p.from()
	}
	block := readBlock
	if full {
		block = -1
	}
	count := min(r.batch.now, most)
	ctx, cancel := r.link.within(ctx, readBlock+roundTripMax, count)
	defer cancel()
	all, err := r.read(ctx, streams, after, count, block)
	r.batch.adapt(err, r.bytes)
	if err != nil {
		return 0, err
	}
	for i, p := range parts {
		var entries []entry
		if len(all) > 0 && all[0].stream == i { // they come in the order of the question
			entries, all = all[0].entries, all[1:]
		}
		w.took(p, after[i], entries)
		n += len(entries)
	}
	w.lookups.flush()
	return n, nil
}

func (w *Worker) waitForRoom(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-w.room:
	case <-t.C:
	}
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
