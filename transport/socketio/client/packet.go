package client

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
)

// The types of Socket.IO packets.
const (
	packetConnect      = '0'
	packetDisconnect   = '1'
	packetEvent        = '2'
	packetAck          = '3'
	packetConnectError = '4'
	packetBinaryEvent  = '5'
	packetBinaryAck    = '6'
)

const (
	noAck          = -1
	maxAttachments = 1024 // of one packet that the server sends
)

// A packet is one Socket.IO packet.
type packet struct {
	kind        byte
	missing     int // attachments that are still to come
	namespace   string
	id          int64 // noAck for none
	body        json.RawMessage
	attachments [][]byte
	size        int // bytes, attachments included
}

// decode reads a packet's text: type, attachments and '-' if binary, namespace and ','
// if not "/", id, JSON.
func decode(b []byte) (*packet, error) {
	if len(b) == 0 || b[0] < packetConnect || b[0] > packetBinaryAck {
		return nil, fmt.Errorf("%w: a packet of no known type", ErrProtocol)
	}
	p := &packet{kind: b[0], namespace: "/", id: noAck, size: len(b)}
	b = b[1:]
	if p.kind == packetBinaryEvent || p.kind == packetBinaryAck {
		n, rest := digits(b)
		if n < 0 || n > maxAttachments || len(rest) == 0 || rest[0] != '-' {
			return nil, fmt.Errorf("%w: a packet with a wrong number of attachments", ErrProtocol)
		}
		p.missing, b = int(n), rest[1:]
		p.kind -= packetBinaryEvent - packetEvent
	}
	if len(b) > 0 && b[0] == '/' {
		name, rest, _ := bytes.Cut(b, []byte{','})
		p.namespace, b = string(name), rest
	}
	if n, rest := digits(b); n >= 0 {
		p.id, b = n, rest
	}
	if len(b) > 0 && !json.Valid(b) {
		return nil, fmt.Errorf("%w: a packet that is not JSON", ErrProtocol)
	}
	p.body = b
	return p, nil
}

// digits reads a number of at most 15 digits; -1 if there is none.
func digits(b []byte) (n int64, rest []byte) {
	i := 0
	for i < len(b) && i < 16 && b[i] >= '0' && b[i] <= '9' {
		n = n*10 + int64(b[i]-'0')
		i++
	}
	if i == 0 || i == 16 {
		return -1, b
	}
	return n, b[i:]
}

// args are the elements of an event's or an acknowledgement's array.
func (p *packet) args() ([]json.RawMessage, error) {
	var args []json.RawMessage
	if err := json.Unmarshal(p.body, &args); err != nil || args == nil {
		return nil, fmt.Errorf("%w: a packet without an array", ErrProtocol)
	}
	return args, nil
}

// event reads an event.
func (p *packet) event() (Raw, error) {
	args, err := p.args()
	if err != nil {
		return Raw{}, err
	}
	e := Raw{Attachments: p.attachments, ack: p.id, size: p.size}
	if len(args) == 0 || json.Unmarshal(args[0], &e.Name) != nil {
		return Raw{}, fmt.Errorf("%w: an event without a name", ErrProtocol)
	}
	e.Args = args[1:]
	return e, nil
}

// A message is what is sent at once: Engine.IO's text, and what is attached to it.
type message struct {
	text        []byte
	attachments [][]byte
	last        bool // the client has nothing more to say
}

// largest is the size of its largest part.
func (m message) largest(base64d bool) int {
	n := len(m.text)
	for _, a := range m.attachments {
		size := len(a)
		if base64d {
			size = 1 + base64.StdEncoding.EncodedLen(size)
		}
		n = max(n, size)
	}
	return n
}

// encode makes a packet of arguments. A []byte is attached; everything else is JSON.
func encode(kind byte, namespace string, id int64, args ...any) (message, error) {
	var m message
	b := append(make([]byte, 0, 256), '[')
	for i, arg := range args {
		if i > 0 {
			b = append(b, ',')
		}
		if data, ok := arg.([]byte); ok {
			b = fmt.Appendf(b, `{"_placeholder":true,"num":%d}`, len(m.attachments))
			m.attachments = append(m.attachments, data)
			continue
		}
		value, err := json.Marshal(arg)
		if err != nil {
			return m, err
		}
		b = append(b, value...)
	}
	m.text = append(head(kind, namespace, id, len(m.attachments)), append(b, ']')...)
	return m, nil
}

// head is what comes before a packet's JSON, Engine.IO's part included.
func head(kind byte, namespace string, id int64, attachments int) []byte {
	b := append(make([]byte, 0, 256), engineMessage)
	if attachments > 0 {
		b = strconv.AppendInt(append(b, kind+packetBinaryEvent-packetEvent), int64(attachments), 10)
		b = append(b, '-')
	} else {
		b = append(b, kind)
	}
	if namespace != "/" {
		b = append(append(b, namespace...), ',')
	}
	if id != noAck {
		b = strconv.AppendInt(b, id, 10)
	}
	return b
}
