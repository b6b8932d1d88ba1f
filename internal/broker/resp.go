package broker

import (
	"cmp"
	"context"
	"errors"
	"io"
	"slices"
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

// A reader runs XREAD again and again. It parses the replies itself, because go-redis
// makes a map and a dozen strings of every entry. Not safe for concurrent use.
type reader struct {
	rdb   redis.UniversalClient
	args  []any // XREAD, its options, and streams and positions of the current read
	size  int   // to reserve for the next reply
	bytes int   // of the last reply
}

// read reads the streams, each after its position, and returns those with entries:
// none when nothing came within the time. A negative time does not wait.
func (r *reader) read(ctx context.Context, streams, after []string, count int64, block time.Duration) ([]found, error) {
	r.args = append(r.args[:0], "xread", "count", count)
	if block >= 0 {
		r.args = append(r.args, "block", block.Milliseconds())
	}
	r.args = append(r.args, "streams")
	first := len(r.args)
	for _, s := range streams {
		r.args = append(r.args, s)
	}
	for _, id := range after {
		r.args = append(r.args, id)
	}
	reply := replyBuffer{make([]byte, 0, r.size+r.size/4)}
	cmd := redis.NewRawWriteToCmd(ctx, &reply, r.args...)
	cmd.SetFirstKeyPos(int8(first))
	r.bytes = 0
	if err := r.rdb.Process(ctx, cmd); err != nil {
		if errors.Is(err, redis.Nil) {
			return nil, nil
		}
		return nil, err
	}
	r.bytes = len(reply.b)
	r.size = min(r.bytes, maxReserve)
	return parseRead(reply.b, streams)
}

const maxReserve = 1 << 20 // bytes for a reply as large as the last one

// A replyBuffer takes a reply as it arrives. Nobody changes its bytes after that:
// entries keep parts of them.
type replyBuffer struct{ b []byte }

func (r *replyBuffer) Write(b []byte) (int, error) {
	r.b = append(r.b, b...)
	return len(b), nil
}

// ReadFrom reads what go-redis copies, so many bytes of its connection, without a
// buffer between.
func (r *replyBuffer) ReadFrom(from io.Reader) (int64, error) {
	l, ok := from.(*io.LimitedReader)
	if !ok {
		return io.Copy(struct{ io.Writer }{r}, from)
	}
	at, n := len(r.b), int(l.N)
	r.b = slices.Grow(r.b, n)[:at+n]
	n, err := io.ReadFull(l.R, r.b[at:])
	l.N -= int64(n)
	return int64(n), err
}

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
