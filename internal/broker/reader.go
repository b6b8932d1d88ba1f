package broker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/redis/go-redis/v9"
)

// found is what one read found in one stream.
type found struct {
	stream  int // index in what was asked for
	entries []entry
}

// A reader runs XREAD again and again, and parses the replies itself, because go-redis
// makes a map and a dozen strings of every entry. Not safe for concurrent use.
type reader struct {
	rdb    redis.UniversalClient
	reuse  bool // what a read has brought is good until the next one only
	strict bool // it brings only what a replica has, see strict.go
	link   link
	args   []any  // XREAD, its options, and streams and positions of the current read
	buf    []byte // of the last reply, to be used again
	bytes  int    // of the last reply
}

// read reads the streams, each after its position, and returns those with entries:
// none when nothing came within the time. A negative time does not wait.
func (r *reader) read(ctx context.Context, streams, after []string, count int64, block time.Duration) ([]found, error) {
	r.args = append(r.args[:0], "xread", "count", count)
	if block >= 0 {
		r.args = append(r.args, "block", block.Milliseconds())
	}
	r.args = append(r.args, "streams")
	for _, s := range streams {
		r.args = append(r.args, s)
	}
	for _, id := range after {
		r.args = append(r.args, id)
	}
	raw, err := r.reply(ctx, streams[0])
	var all []found
	if err == nil {
		all, err = parseRead(raw, streams)
	}
	if err != nil {
		return r.elsewhere(ctx, err, streams, after, count, block)
	}
	if r.strict && len(all) > 0 {
		if err := r.confirm(ctx, streams[0]); err != nil {
			return nil, err
		}
	}
	return all, nil
}

const keepBuffer = 1 << 20 // bytes; a larger reply is not expected again

func (r *reader) reply(ctx context.Context, key string) ([]byte, error) {
	client, err := r.client(ctx, key)
	if err != nil {
		return nil, err
	}
	r.bytes = 0
	raw, err := r.link.roundTrip(ctx, client, r.args, r.buf[:0])
	if err != nil {
		return nil, err
	}
	r.bytes = len(raw)
	switch {
	case cap(raw) > keepBuffer:
		r.buf = nil
	case r.reuse:
		r.buf = raw
	default:
		r.buf, raw = raw, bytes.Clone(raw)
	}
	return raw, nil
}

// client is that of the Redis which holds a key.
func (r *reader) client(ctx context.Context, key string) (*redis.Client, error) {
	switch c := r.rdb.(type) {
	case *redis.Client:
		return c, nil
	case *redis.ClusterClient:
		return c.MasterForKey(ctx, key)
	}
	return nil, fmt.Errorf("cannot read streams over a %T", r.rdb)
}

// close closes the reader's connection. It may be used again.
func (r *reader) close() { r.link.close() }

// A batchSize is how many entries of a stream a reader asks for. A connection that is
// too slow for as many would bring the same ones too late for ever, and entries that are
// large would take a lot of memory at once.
type batchSize struct{ now, max int64 }

const largeReply = 8 << 20 // bytes

// adapt halves the size after a read that took too long or brought too much, and
// doubles it after one that is far from either.
func (b *batchSize) adapt(err error, bytes int) {
	var timeout net.Error
	switch {
	case errors.As(err, &timeout) && timeout.Timeout(), err == nil && bytes > largeReply:
		b.now = max(b.now/2, 1)
	case err == nil && bytes < largeReply/4:
		b.now = min(2*b.now, b.max)
	}
}
