package sockets

import (
	"encoding/binary"
	"encoding/json"
	"strconv"
)

// A frame is one Socket.IO packet, encoded once for all connections that get it,
// and never changed.
type frame struct {
	ws   []byte // a whole websocket text frame, header included
	text []byte // of ws: the packet, without Engine.IO's type
}

// The opcodes of websocket frames, with the bit that says there is no more.
const (
	opText   = 0x81
	opBinary = 0x82
	opClose  = 0x88
	opPong   = 0x8a
)

// appendHeader appends the header of an unmasked frame with n bytes.
func appendHeader(b []byte, op byte, n int) []byte {
	b = append(b, op)
	switch {
	case n < 126:
		return append(b, byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(b, 126), uint16(n))
	}
	return binary.BigEndian.AppendUint64(append(b, 127), uint64(n))
}

// wsFrame makes a websocket frame of any payload.
func wsFrame(op byte, payload []byte) []byte {
	return append(appendHeader(make([]byte, 0, 10+len(payload)), op, len(payload)), payload...)
}

// newFrame puts the parts of a packet into a frame.
func newFrame(parts ...string) *frame {
	n := 1 // Engine.IO's type: message
	for _, p := range parts {
		n += len(p)
	}
	b := appendHeader(make([]byte, 0, 10+n), opText, n)
	b = append(b, '4')
	text := len(b)
	for _, p := range parts {
		b = append(b, p...)
	}
	return &frame{ws: b, text: b[text:]}
}

// eventFrame is an event with one argument.
func eventFrame(namespace, event string, payload []byte) *frame {
	return newFrame("2", prefix(namespace), "[", quote(event), ",", string(payload), "]")
}

// ackFrame is the answer to an event, with one argument.
func ackFrame(namespace string, id AckID, payload []byte) *frame {
	return newFrame("3", prefix(namespace), strconv.FormatInt(int64(id), 10), "[", string(payload), "]")
}

func prefix(namespace string) string {
	if namespace == "/" {
		return ""
	}
	return namespace + ","
}

// quote makes a JSON string.
func quote(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		return `""` // a string: cannot happen
	}
	return string(b)
}
