package broker

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// A tail reads streams onwards from positions of its own, and changes nothing in
// Redis: any number of tails read the same streams. Not safe for concurrent use.
type tail struct {
	rdb     redis.UniversalClient
	streams []string
	events  int      // how many of its first streams are event lanes; for a gateway one of replies comes last
	first   int      // index of its first stream among those of the tail that was divided
	last    []string // id of the last entry read, by stream
	reader  reader
	batch   batchSize

	compared *counters // the last, for a gateway whose events come from elsewhere
}

const (
	tailBatch = 512         // entries of one stream a read may return
	tailBlock = time.Second // how long a read waits for the first entry
)

// newTail makes a tail at the beginning of all its streams.
func newTail(rdb redis.UniversalClient, streams []string) *tail {
	t := &tail{rdb: rdb, streams: streams, last: make([]string, len(streams)), reader: reader{rdb: rdb}, batch: batchSize{now: tailBatch, max: tailBatch}}
	for i := range streams {
		t.last[i] = "0-0"
	}
	return t
}

// seekEnd moves to the end of all streams: what is appended from now on is read. An
// id is asked for, because "$" would mean the end at the time of each read. It returns the
// number of the last event of each event lane: the last entry tells its own, and where
// there is none, nothing was committed since the counter was read.
func (t *tail) seekEnd(ctx context.Context) ([]mark, error) {
	pipe := t.rdb.Pipeline()
	counters := make([]*redis.SliceCmd, t.events)
	for i := range counters {
		counters[i] = askCounter(ctx, pipe, t.first+i)
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, fmt.Errorf("read the counters of %d streams: %w", t.events, err)
	}
	ends := runScripts(ctx, t.rdb, laneEndScript, len(t.streams), func(i int) ([]string, []any) { return t.streams[i : i+1], nil })
	marks := make([]mark, t.events)
	for i, end := range ends {
		last, err := end.StringSlice()
		if err != nil {
			return nil, fmt.Errorf("find the end of %d streams: %w", len(t.streams), err)
		}
		if len(last) > 0 {
			t.last[i] = last[0]
		}
		if i >= t.events {
			continue
		}
		marks[i] = counterOf(counters[i])
		if len(last) > 1 {
			if at, _, ok := parseSeq(last[1]); ok {
				marks[i] = at
			}
		}
	}
	return marks, nil
}

// rewind goes back when a stream ends before our position, so that nothing would be read
// until its ids have come there: it was deleted and the clock set back, or Redis has lost
// its last writes. The new position is the last entry that was seen, or the beginning.
func (t *tail) rewind(ctx context.Context, stream int, seen func(redis.XMessage) bool) (back bool, err error) {
	const page = 256
	ctx, cancel := context.WithTimeout(ctx, rewindMax)
	defer cancel()
	for end := "+"; ; {
		entries, err := t.rdb.XRevRangeN(ctx, t.streams[stream], end, "-", page).Result()
		if err != nil {
			return false, fmt.Errorf("go back in %s: %w", t.streams[stream], err)
		}
		switch {
		case end != "+":
		case len(entries) == 0:
			t.last[stream] = "0-0" // whatever its next entries are called
			return false, nil
		case entries[0].ID == t.last[stream] && seqOf(entries[0]) != "" && !seen(entries[0]):
			// Another one: the stream was deleted and began anew in the same millisecond.
		case compareIDs(entries[0].ID, t.last[stream]) >= 0:
			return false, nil
		}
		for _, e := range entries {
			if seen(e) {
				t.last[stream] = e.ID
				return true, nil
			}
		}
		if len(entries) < page {
			t.last[stream] = "0-0"
			return true, nil
		}
		end = "(" + entries[page-1].ID
	}
}

const rewindMax = 10 * time.Second // for all pages of a stream

// next waits up to tailBlock for entries and returns them by stream; none is no
// error. A connection that is half open is given up after twice that time.
func (t *tail) next(ctx context.Context) ([]found, error) {
	ctx, cancel := t.reader.link.within(ctx, 2*tailBlock, t.batch.now)
	defer cancel()
	all, err := t.reader.read(ctx, t.streams, t.last, t.batch.now, tailBlock)
	t.batch.adapt(err, t.reader.bytes)
	for _, f := range all {
		t.last[f.stream] = strings.Clone(f.entries[len(f.entries)-1].id) // which would keep the whole read
	}
	return all, err
}

// A handFunc hands over what a read has brought; false means that ctx has ended before
// all was acknowledged.
type handFunc func(ctx context.Context, t *tail, all []found) bool

// follow hands over what comes until ctx ends.
func (t *tail) follow(ctx context.Context, log *slog.Logger, what string, hand handFunc) {
	defer t.reader.close()
	var wait backoff
	for ctx.Err() == nil {
		all, err := t.next(ctx)
		if err != nil && ctx.Err() == nil {
			wait.sleep(ctx, log, what, err)
			continue
		}
		wait.reset()
		if !hand(ctx, t, all) {
			return
		}
	}
}
