package broker

import (
	"errors"
	"fmt"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/example/switchyard/internal/msgpack"
)

// The fields of a stream entry, as watermill-redisstream's
// DefaultMarshallerUnmarshaller names them.
const (
	fieldUUID     = "_watermill_message_uuid"
	fieldMetadata = "metadata" // msgpack map of strings; empty for none
	fieldPayload  = "payload"
)

// One more field that entries of event lanes have, and that stock readers do not look
// at: the event's number, see numbering.go.
const fieldSeq = "_seq"

// encodeMetadata returns the value of the field metadata.
func encodeMetadata(md message.Metadata) []byte {
	size := 0
	for k, v := range md {
		size += 10 + len(k) + len(v)
	}
	return appendMetadata(make([]byte, 0, 5+size), md)
}

// decode reads a stream entry. Whatever an entry holds, it gives a message or an
// error that says what is wrong.
func decode(e entry) (*message.Message, error) {
	if e.uuid == "" {
		return nil, fmt.Errorf("entry %s has no %s", e.id, fieldUUID)
	}
	metadata, err := parseMetadata(e.metadata)
	if err != nil {
		return nil, fmt.Errorf("entry %s: metadata: %w", e.id, err)
	}
	return newMessage(e.uuid, metadata, e.payload), nil
}

// newMessage makes a message for the lanes, which nobody acknowledges: without the
// two channels that message.NewMessage makes for that. A copy has them.
func newMessage(uuid string, metadata message.Metadata, payload []byte) *message.Message {
	return &message.Message{UUID: uuid, Metadata: metadata, Payload: payload}
}

// A pair is one entry of metadata.
type pair struct{ name, value string }

// encodePairs encodes the pairs that have a value, in their order: without a map, where
// the names are known.
func encodePairs(pairs []pair) []byte {
	n, size := 0, 5
	for _, p := range pairs {
		if p.value != "" {
			n++
			size += 10 + len(p.name) + len(p.value)
		}
	}
	b := msgpack.AppendMap(make([]byte, 0, size), n)
	for _, p := range pairs {
		if p.value != "" {
			b = msgpack.AppendText(msgpack.AppendText(b, p.name), p.value)
		}
	}
	return b
}

// appendMetadata appends a msgpack map of strings; an empty one is no bytes at all.
func appendMetadata(b []byte, md message.Metadata) []byte {
	if len(md) == 0 {
		return b
	}
	return appendTexts(msgpack.AppendMap(b, len(md)), md)
}

func appendTexts(b []byte, md message.Metadata) []byte {
	for k, v := range md {
		b = msgpack.AppendText(msgpack.AppendText(b, k), v)
	}
	return b
}

var errMsgpack = errors.New("not a msgpack map of strings")

// parseMetadata reads what appendMetadata and the stock marshaller write.
func parseMetadata(s string) (message.Metadata, error) {
	md := message.Metadata{}
	if n, _, ok := mapHeader(s); ok && n <= len(s)/2 {
		md = make(message.Metadata, n)
	}
	err := eachPair(s, func(name, value string) { md[name] = value })
	if err != nil {
		return nil, err
	}
	return md, nil
}

// eachPair walks over metadata in its encoded form.
func eachPair(s string, do func(name, value string)) error {
	if s == "" || s == "\xc0" { // nothing, or nil
		return nil
	}
	n, s, ok := mapHeader(s)
	if !ok || n > len(s)/2 { // an entry has at least two bytes: do not trust n
		return errMsgpack
	}
	for range n {
		var name, value string
		if name, s, ok = text(s); !ok {
			return errMsgpack
		}
		if value, s, ok = text(s); !ok {
			return errMsgpack
		}
		do(name, value)
	}
	if s != "" {
		return errMsgpack
	}
	return nil
}

func mapHeader(s string) (n int, rest string, ok bool) {
	if s == "" {
		return 0, s, false
	}
	switch c := s[0]; {
	case c&0xf0 == 0x80:
		return int(c & 0x0f), s[1:], true
	case c == 0xde:
		return number(s[1:], 2)
	case c == 0xdf:
		return number(s[1:], 4)
	}
	return 0, s, false
}

// text reads a string or binary value.
func text(s string) (v, rest string, ok bool) {
	if s == "" {
		return "", s, false
	}
	var n int
	switch c := s[0]; {
	case c&0xe0 == 0xa0:
		n, s, ok = int(c&0x1f), s[1:], true
	case c == 0xd9 || c == 0xc4:
		n, s, ok = number(s[1:], 1)
	case c == 0xda || c == 0xc5:
		n, s, ok = number(s[1:], 2)
	case c == 0xdb || c == 0xc6:
		n, s, ok = number(s[1:], 4)
	}
	if !ok || n > len(s) {
		return "", s, false
	}
	return s[:n], s[n:], true
}

// number reads a big-endian number of size bytes.
func number(s string, size int) (n int, rest string, ok bool) {
	if len(s) < size {
		return 0, s, false
	}
	for _, c := range []byte(s[:size]) {
		n = n<<8 | int(c)
	}
	return n, s[size:], true
}
