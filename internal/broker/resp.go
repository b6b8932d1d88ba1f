package broker

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"github.com/redis/go-redis/v9"
)

// An entry of a stream, as far as it is a message; another one has no uuid. Its parts
// share the memory of the read that found it.
type entry struct {
	id       string
	uuid     string
	metadata string // msgpack
	payload  []byte
	seq      string // its place among the events of its partition; "" for a stranger's
	fields   string // all of it, as Redis sent it, for who cannot make sense of it
}

// clone is the same in memory of its own.
func (e entry) clone() entry {
	return entry{
		id: strings.Clone(e.id), uuid: strings.Clone(e.uuid), metadata: strings.Clone(e.metadata),
		payload: bytes.Clone(e.payload), seq: strings.Clone(e.seq), fields: strings.Clone(e.fields),
	}
}

// compareIDs compares the ids of two entries: milliseconds and a number, in decimal
// without leading zeros.
func compareIDs(a, b string) int {
	aTime, aNumber, _ := strings.Cut(a, "-")
	bTime, bNumber, _ := strings.Cut(b, "-")
	return cmp.Or(compareNumbers(aTime, bTime), compareNumbers(aNumber, bNumber))
}

func compareNumbers(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) }

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

var errReply = errors.New("Redis answered XREAD with something else than streams and entries")

// parseRead parses the reply of XREAD, in RESP2 (an array of pairs) or RESP3 (a map).
func parseRead(raw []byte, streams []string) ([]found, error) {
	if len(raw) > 3 && raw[0] == '-' { // a raw command has no error of Redis' own
		return nil, replyError(raw[1 : len(raw)-2])
	}
	p := replyParser{raw: raw, text: unsafe.String(unsafe.SliceData(raw), len(raw))}
	kind, n := p.head()
	if n < 0 || p.failed {
		return nil, p.err()
	}
	all := make([]found, 0, n)
	next := 0 // Redis answers in the order of the question
	for range n {
		if kind == '*' {
			p.array(2)
		}
		name, _ := p.string()
		for next < len(streams) && streams[next] != name {
			next++
		}
		if next == len(streams) || p.failed {
			return nil, errReply
		}
		if entries := p.entries(); len(entries) > 0 {
			all = append(all, found{stream: next, entries: entries})
		}
	}
	return all, p.err()
}

// A replyError is an error that Redis answered.
type replyError string

var _ redis.Error = replyError("")

func (e replyError) Error() string { return string(e) }

// RedisError marks it as one for go-redis.
func (replyError) RedisError() {}

// A replyParser walks over a reply. After something unexpected it has failed and gives
// zero values.
type replyParser struct {
	raw    []byte
	text   string // the same bytes
	at     int
	failed bool
}

func (p *replyParser) err() error {
	if p.failed {
		return errReply
	}
	return nil
}

// head reads the type and the number of one element; -1 is nil.
func (p *replyParser) head() (kind byte, n int) {
	if p.failed || p.at >= len(p.raw) {
		p.failed = true
		return 0, 0
	}
	kind, end := p.raw[p.at], p.at+1
	for end < len(p.raw) && p.raw[end] != '\r' {
		end++
	}
	if kind == '_' {
		n = -1
	} else {
		var err error
		n, err = strconv.Atoi(p.text[p.at+1 : end])
		// Each element takes some bytes: a forged number is not trusted.
		p.failed = err != nil || n < -1 || n > len(p.raw)
	}
	p.at = end + 2
	return kind, n
}

// array reads the head of an array of at least so many elements and returns their
// number.
func (p *replyParser) array(least int) int {
	kind, n := p.head()
	if kind != '*' || n < least {
		p.failed = true
		return 0
	}
	return n
}

// string reads a bulk string.
func (p *replyParser) string() (string, []byte) {
	kind, n := p.head()
	if kind != '$' || n < 0 || p.at+n+2 > len(p.raw) || p.failed {
		p.failed = true
		return "", nil
	}
	from, to := p.at, p.at+n
	p.at = to + 2
	return p.text[from:to], p.raw[from:to:to]
}

func (p *replyParser) entries() []entry {
	n := p.array(0)
	all := make([]entry, 0, n)
	for range n {
		p.array(2)
		var e entry
		e.id, _ = p.string()
		from := p.at
		for i := p.array(0); i >= 2; i -= 2 {
			field, _ := p.string()
			value, bytes := p.string()
			switch field {
			case fieldUUID:
				e.uuid = value
			case fieldMetadata:
				e.metadata = value
			case fieldPayload:
				e.payload = bytes
			case fieldSeq:
				e.seq = value
			}
		}
		if p.failed {
			return nil
		}
		e.fields = p.text[from:p.at]
		all = append(all, e)
	}
	return all
}

// eachField walks over all fields of an entry, in their order.
func (e *entry) eachField(do func(name, value string)) {
	p := replyParser{raw: []byte(e.fields), text: e.fields}
	for i := p.array(0); i >= 2 && !p.failed; i -= 2 {
		name, _ := p.string()
		value, _ := p.string()
		do(name, value)
	}
}
