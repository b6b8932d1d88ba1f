package engineio

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"slices"
	"sync"
)

// A Frame is one packet, encoded once for all connections that get it, and never
// changed. Safe for concurrent use.
type Frame struct {
	ws     []byte // a whole websocket frame, header included
	header int    // its length
	binary bool
	own    bool // for one connection alone, see OwnText

	compress sync.Once
	deflated []byte // a compressed websocket frame; nil where that would gain nothing
}

// The opcodes of websocket frames, with the bit that says there is no more.
const (
	opText   = 0x81
	opBinary = 0x82
	opClose  = 0x88
	opPong   = 0x8a

	compressed = 0x40 // RFC 7692: this frame is
)

// The types of packets.
const (
	packetOpen    = '0'
	packetClose   = '1'
	packetPing    = '2'
	packetPong    = '3'
	packetMessage = '4'
	packetUpgrade = '5'
	packetNoop    = '6'
	packetBase64  = 'b' // a binary message, on polling
)

var (
	pingFrame  = newFrame(opText, string(packetPing))
	probeFrame = newFrame(opText, string(packetPong)+"probe")
	noopFrame  = newFrame(opText, string(packetNoop))
	closeFrame = newFrame(opClose, "\x03\xe8") // 1000: normal; ends a websocket

	goodbyeFrame = newFrame(opText, string(packetClose)) // ends polling
)

// Text makes a message of text out of its parts.
func Text[T ~string | ~[]byte](parts ...T) *Frame {
	return joinFrame(opText, string(packetMessage), parts)
}

// Binary makes a binary message.
func Binary(b []byte) *Frame {
	f := newFrame(opBinary, string(b))
	f.binary = true
	return f
}

// String is the packet.
func (f *Frame) String() string { return string(f.payload()) }

// payload is the packet.
func (f *Frame) payload() []byte { return f.ws[f.header:] }

// join makes f the frame of one byte and what follows it, in the memory that f had.
func (f *Frame) join(op, first byte, parts [][]byte) {
	n := 1
	for _, p := range parts {
		n += len(p)
	}
	f.ws = appendHeader(slices.Grow(f.ws[:0], headerSize(n)+n), op, n)
	f.header = len(f.ws)
	f.ws = append(f.ws, first)
	for _, p := range parts {
		f.ws = append(f.ws, p...)
	}
}

func newFrame(op byte, parts ...string) *Frame { return joinFrame(op, "", parts) }

func joinFrame[T ~string | ~[]byte](op byte, first string, parts []T) *Frame {
	n := len(first)
	for _, p := range parts {
		n += len(p)
	}
	b := appendHeader(make([]byte, 0, headerSize(n)+n), op, n)
	start := len(b)
	b = append(b, first...)
	for _, p := range parts {
		b = append(b, p...)
	}
	return &Frame{ws: b, header: start}
}

func headerSize(n int) int {
	switch {
	case n < 126:
		return 2
	case n < 1<<16:
		return 4
	}
	return 10
}

// appendHeader appends the header of an unmasked websocket frame with n bytes.
func appendHeader(b []byte, op byte, n int) []byte {
	b = append(b, op)
	switch headerSize(n) {
	case 2:
		return append(b, byte(n))
	case 4:
		return binary.BigEndian.AppendUint16(append(b, 126), uint16(n))
	}
	return binary.BigEndian.AppendUint64(append(b, 127), uint64(n))
}

// websocket is the frame as a connection's websocket takes it.
func (f *Frame) websocket(eio3, deflate bool) []byte {
	if f.binary && eio3 { // protocol 3 has the packet's type before binary data too
		return newFrame(opBinary, "\x04", string(f.payload())).ws
	}
	if deflate && len(f.payload()) >= compressFrom && f.ws[0] < opClose {
		f.compress.Do(f.deflateOnce)
		if f.deflated != nil {
			return f.deflated
		}
	}
	return f.ws
}

// Below so many bytes compression costs more than it saves.
const compressFrom = 1024

var deflaters = sync.Pool{New: func() any {
	w, err := flate.NewWriter(nil, flate.BestSpeed)
	if err != nil {
		panic(err) // only for a level that does not exist
	}
	return w
}}

// deflateOnce compresses without context of other messages, so that all connections
// can share the result.
func (f *Frame) deflateOnce() {
	var out bytes.Buffer
	w := deflaters.Get().(*flate.Writer)
	defer deflaters.Put(w)
	w.Reset(&out)
	if _, err := w.Write(f.payload()); err != nil {
		return // it goes out as it is
	}
	if err := w.Flush(); err != nil {
		return
	}
	b := bytes.TrimSuffix(out.Bytes(), []byte{0, 0, 0xff, 0xff})
	if len(b) < len(f.payload()) {
		f.deflated = append(appendHeader(make([]byte, 0, headerSize(len(b))+len(b)), f.ws[0]|compressed, len(b)), b...)
	}
}
