package broker

import (
	"bytes"
	"cmp"
	"strconv"
	"strings"
	"time"
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

// entryTime is when Redis appended an entry.
func entryTime(id string) time.Time {
	ms, _, _ := strings.Cut(id, "-")
	n, err := strconv.ParseInt(ms, 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.UnixMilli(n)
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
