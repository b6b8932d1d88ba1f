package broker

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"unsafe"

	"github.com/redis/go-redis/v9"
)

// Replies are walked over twice: an extent finds where they end, while they arrive, and a
// replyParser takes apart what is whole.

// An extent finds the end of replies.
type extent struct {
	at   int // where the next element begins; it may not have arrived
	left int // how many elements are still to come
}

var errNoRESP = errors.New("Redis sent something that is no reply")

// find goes on as far as it can; whole means that the last reply ends with buf.
func (e *extent) find(buf []byte) (whole bool, err error) {
	for e.left > 0 {
		if e.at >= len(buf) {
			return false, nil
		}
		end := bytes.IndexByte(buf[e.at:], '\n')
		if end < 0 {
			return false, nil
		}
		line := buf[e.at : e.at+end+1]
		e.at += end + 1
		e.left--
		switch line[0] {
		case '*', '%', '$':
			n, ok := count(line)
			switch {
			case !ok:
				return false, errNoRESP
			case n < 0: // nil
			case line[0] == '$':
				e.at += n + 2
			case line[0] == '%':
				e.left += 2 * n
			default:
				e.left += n
			}
		case '+', '-', ':', '_':
		default:
			return false, errNoRESP
		}
	}
	if e.at < len(buf) {
		return false, errNoRESP // more than we have asked for
	}
	return e.at == len(buf), nil
}

const largestCount = 1 << 30 // what Redis allows a string, and more than it sends elements

// count reads the number on a line like "$12\r\n"; -1 is nil.
func count(line []byte) (n int, ok bool) {
	if len(line) < 4 || line[len(line)-2] != '\r' {
		return 0, false
	}
	digits := line[1 : len(line)-2]
	if string(digits) == "-1" {
		return -1, true
	}
	for _, c := range digits {
		if c < '0' || c > '9' || n > largestCount/10 {
			return 0, false
		}
		n = 10*n + int(c-'0')
	}
	return n, true
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
