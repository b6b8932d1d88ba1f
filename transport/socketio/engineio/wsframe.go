package engineio

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/example/switchyard/internal/rawio"
)

// The opcodes of the frames that clients send.
const (
	wsContinuation = 0x0
	wsText         = 0x1
	wsBinary       = 0x2
	wsClose        = 0x8
	wsPing         = 0x9
	wsPong         = 0xa

	wsFinal    = 0x80
	wsReserved = 0x70
	wsMasked   = 0x80

	maxControl = 125 // bytes in a control frame
)

// Why we close a websocket.
const (
	closeProtocol = 1002
	closeTooLong  = 1009
)

// errClosed tells that the client has closed its websocket as it should.
var errClosed = errors.New("the client has closed the websocket")

// A wsHeader is that of a frame.
type wsHeader struct {
	op         byte
	final      bool
	compressed bool
	key        [4]byte
	n          int64 // bytes that follow
}

// next reads one message, into memory of its own and of its size.
func (s *webSocket) next() (isBinary bool, data []byte, err error) {
	var first wsHeader // of a message in several frames
	started := false
	for {
		h, err := s.header()
		if err != nil {
			return false, nil, err
		}
		switch {
		case h.op >= wsClose:
			if err := s.control(h); err != nil {
				return false, nil, err
			}
			continue
		case h.op == wsContinuation != started:
			return false, nil, s.refuse(closeProtocol, "a frame out of turn")
		case h.n > s.limit-int64(len(data)):
			return false, nil, s.refuse(closeTooLong, "")
		}
		if !started {
			first, started = h, true
		}
		if data, err = s.payload(data, h); err != nil {
			return false, nil, err
		}
		if h.final {
			if first.compressed {
				data, err = s.inflate(data)
			}
			return first.op == wsBinary, data, err
		}
	}
}

// header reads the header of a frame.
func (s *webSocket) header() (h wsHeader, err error) {
	if err := s.need(2); err != nil {
		return h, err
	}
	b := s.buf[s.r:]
	h.op, h.final, h.compressed = b[0]&0xf, b[0]&wsFinal != 0, b[0]&compressed != 0
	length := b[1] &^ wsMasked
	switch control := h.op >= wsClose; {
	case b[0]&wsReserved&^compressed != 0, h.compressed && (!s.deflate || control || h.op == wsContinuation):
		return h, s.refuse(closeProtocol, "a reserved bit")
	case b[1]&wsMasked == 0:
		return h, s.refuse(closeProtocol, "no mask")
	case control && (length > maxControl || !h.final):
		return h, s.refuse(closeProtocol, "a control frame that is too long or fragmented")
	case h.op > wsPong || !control && h.op > wsBinary:
		return h, s.refuse(closeProtocol, "an unknown opcode")
	}
	size := 0 // of a length that does not fit
	switch length {
	case 126:
		size = 2
	case 127:
		size = 8
	}
	if err := s.need(2 + size + 4); err != nil {
		return h, err
	}
	b = s.buf[s.r+2:]
	switch size {
	case 0:
		h.n = int64(length)
	case 2:
		h.n = int64(binary.BigEndian.Uint16(b))
	default:
		h.n = int64(min(binary.BigEndian.Uint64(b), math.MaxInt64))
	}
	copy(h.key[:], b[size:])
	s.r += 2 + size + 4
	return h, nil
}

// atOnce bounds the memory that is taken on a client's word that so much follows.
const atOnce = 64 << 10

// payload appends a frame's data to a message.
func (s *webSocket) payload(data []byte, h wsHeader) ([]byte, error) {
	if data == nil {
		data = make([]byte, 0, min(h.n, atOnce))
	}
	for pos, left := 0, h.n; left > 0; {
		if s.r == s.w {
			if err := s.fill(); err != nil {
				return nil, unexpected(err)
			}
		}
		n := int(min(left, int64(s.w-s.r)))
		data = append(data, s.buf[s.r:s.r+n]...)
		unmask(h.key, pos, data[len(data)-n:])
		s.r, pos, left = s.r+n, pos+n, left-int64(n)
	}
	if cap(data) > len(data)+len(data)/4 {
		data = bytes.Clone(data)
	}
	return data, nil
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// unmask takes the mask off the bytes from pos of a frame's data.
func unmask(key [4]byte, pos int, b []byte) {
	var two [8]byte
	for i := range two {
		two[i] = key[(pos+i)&3]
	}
	word := binary.NativeEndian.Uint64(two[:])
	for len(b) >= 8 {
		binary.NativeEndian.PutUint64(b, binary.NativeEndian.Uint64(b)^word)
		b = b[8:]
	}
	for i := range b {
		b[i] ^= two[i]
	}
}

// control handles a control frame.
func (s *webSocket) control(h wsHeader) error {
	if err := s.need(int(h.n)); err != nil {
		return err
	}
	data := s.buf[s.r : s.r+int(h.n)]
	s.r += int(h.n)
	unmask(h.key, 0, data)
	switch h.op {
	case wsPing:
		s.pong(newFrame(opPong, string(data)))
	case wsClose:
		if !validClose(data) {
			return s.refuse(closeProtocol, "a malformed close frame")
		}
		return s.confirm()
	}
	return nil
}

// pong answers a PING in its turn; while an upgrade is tried by itself, since what the
// connection is sent then goes by polling.
func (s *webSocket) pong(f *Frame) {
	s.conn.mu.Lock()
	current := s.conn.ws == s
	s.conn.mu.Unlock()
	if current {
		s.conn.Send(false, f)
		return
	}
	_, _ = s.Write(f.ws) // within the deadline of the upgrade; the next read sees what is wrong
}

// validClose tells whether RFC 6455, or the registry that it makes, lets a client say this
// in a close frame.
func validClose(data []byte) bool {
	if len(data) < 2 {
		return len(data) == 0
	}
	code := binary.BigEndian.Uint16(data)
	known := code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006 || code >= 3000 && code < 5000
	return known && utf8.Valid(data[2:])
}

// confirm answers the client's close frame with one of ours. What is being written goes out
// first, and then the connection ends when the client hangs up.
func (s *webSocket) confirm() error {
	c := s.conn
	c.mu.Lock()
	if c.ws != s || c.state != open {
		c.mu.Unlock()
		return errClosed
	}
	if c.writing {
		c.close(TransportClose)
		c.mu.Unlock()
		return nil
	}
	c.become(closing) // nothing more is sent
	c.reason = TransportClose
	c.mu.Unlock()
	s.last(closeFrame)
	return errClosed
}

// refuse tells the client in a close frame what it did wrong, as far as there is room
// to, and returns that as an error.
func (s *webSocket) refuse(code uint16, what string) error {
	s.last(newFrame(opClose, string(binary.BigEndian.AppendUint16(nil, code)), what))
	return fmt.Errorf("closed a websocket with %d: %s", code, what)
}

// last writes a frame as far as there is room for it: the connection ends either way.
func (s *webSocket) last(f *Frame) {
	switch err := s.SetWriteDeadline(time.Now().Add(time.Second)); {
	case err != nil:
	case s.raw == nil:
		_, _ = s.Write(f.ws)
	default: // without waiting: a writer may want its turn
		_ = s.raw.Write(func(fd uintptr) bool { _, _, _ = rawio.Write(fd, f.ws); return true })
	}
}

var errTooLong = errors.New("a message is longer than allowed")

var inflaters = sync.Pool{New: func() any { return flate.NewReader(nil) }}

// deflateTail is what a sender leaves off a compressed message, and the end of it all.
const deflateTail = "\x00\x00\xff\xff\x01\x00\x00\xff\xff"

// inflate decompresses a message; the limit holds for what comes of it too.
func (s *webSocket) inflate(data []byte) ([]byte, error) {
	r := inflaters.Get().(io.ReadCloser)
	defer inflaters.Put(r)
	if err := r.(flate.Resetter).Reset(io.MultiReader(bytes.NewReader(data), strings.NewReader(deflateTail)), nil); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if _, err := out.ReadFrom(io.LimitReader(r, s.limit+1)); err != nil {
		return nil, fmt.Errorf("inflate a message: %w", err)
	}
	if int64(out.Len()) > s.limit {
		return nil, errTooLong
	}
	return bytes.Clone(out.Bytes()), nil
}
