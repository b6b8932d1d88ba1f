package engineio

import (
	"bytes"
	"encoding/base64"
	"strconv"
	"unicode/utf8"
)

// The bodies of polling: packets with a separator between them, or, in protocol 3,
// each with its length before it, counted in the units of JavaScript's strings.

// separator is between the packets of a polling body, in protocol 4.
const separator = '\x1e'

// appendPayload appends the frame to the body of a polling answer.
func (f *Frame) appendPayload(body []byte, eio3 bool) []byte {
	packet := f.payload()
	if f.binary {
		prefix := "b"
		if eio3 {
			prefix = "b4"
		}
		packet = base64.StdEncoding.AppendEncode([]byte(prefix), f.payload())
	}
	if eio3 {
		body = strconv.AppendInt(body, int64(utf16Len(packet)), 10)
		return append(append(body, ':'), packet...)
	}
	if len(body) > 0 {
		body = append(body, separator)
	}
	return append(body, packet...)
}

// utf16Len is the length that JavaScript gives a string.
func utf16Len(b []byte) int {
	n := 0
	for _, r := range string(b) {
		n++
		if r > 0xffff {
			n++
		}
	}
	return n
}

// A part is one packet of a body: the data of a binary message, or any packet's text.
type part struct {
	data   []byte
	binary bool
}

// split takes a body apart. The parts are in the memory of the body.
func split(body []byte, eio3, binary bool) (parts []part, ok bool) {
	if len(body) == 0 {
		return nil, false
	}
	for len(body) > 0 {
		var p part
		switch {
		case binary:
			p, body, ok = cutBinary(body)
		case eio3:
			p, body, ok = cutCounted(body)
		default:
			var found bool
			if p.data, body, found = bytes.Cut(body, []byte{separator}); found && len(body) == 0 {
				return nil, false // nothing after a separator
			}
			ok = len(p.data) > 0
		}
		if ok && !p.binary && p.data[0] == packetBase64 {
			p, ok = decodeBase64(p.data[1:], eio3)
		}
		if !ok {
			return nil, false
		}
		parts = append(parts, p)
	}
	return parts, true
}

// decodeBase64 reads a binary message; in protocol 3 a packet's type comes first.
func decodeBase64(b []byte, eio3 bool) (part, bool) {
	if eio3 {
		if len(b) == 0 || b[0] != packetMessage {
			return part{}, false
		}
		b = b[1:]
	}
	data, err := base64.StdEncoding.AppendDecode(nil, b)
	return part{data, true}, err == nil
}

const maxDigits = 9 // of a length: more than any body has

// cutCounted cuts "length:packet" off.
func cutCounted(b []byte) (p part, rest []byte, ok bool) {
	colon := bytes.IndexByte(b[:min(len(b), maxDigits+1)], ':')
	if colon < 1 {
		return p, nil, false
	}
	n, err := strconv.ParseUint(string(b[:colon]), 10, 32)
	if err != nil || n == 0 {
		return p, nil, false
	}
	b = b[colon+1:]
	i := 0
	for units := int(n); units > 0; units-- {
		r, size := utf8.DecodeRune(b[i:])
		if size == 0 {
			return p, nil, false // the body ends too early
		}
		if r > 0xffff {
			units--
		}
		i += size
	}
	return part{data: b[:i]}, b[i:], true
}

// cutBinary cuts a packet off a binary body of protocol 3: 0 for text or 1, the
// digits of the length as bytes, 255, the packet.
func cutBinary(b []byte) (p part, rest []byte, ok bool) {
	end := bytes.IndexByte(b[:min(len(b), maxDigits+2)], 0xff)
	if end < 2 || b[0] > 1 {
		return p, nil, false
	}
	n := 0
	for _, digit := range b[1:end] {
		if digit > 9 {
			return p, nil, false
		}
		n = n*10 + int(digit)
	}
	data := b[end+1:]
	if n == 0 || n > len(data) {
		return p, nil, false
	}
	p = part{data: data[:n], binary: b[0] == 1}
	if p.binary {
		if p.data[0] != packetMessage-'0' {
			return p, nil, false
		}
		p.data = p.data[1:]
	}
	return p, data[n:], true
}
