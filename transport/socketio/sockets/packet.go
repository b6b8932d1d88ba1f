package sockets

import (
	"encoding/json"
	"errors"

	"github.com/example/switchyard/internal/jsonscan"
)

// The types of Socket.IO packets.
const (
	packetConnect     = '0'
	packetDisconnect  = '1'
	packetEvent       = '2'
	packetAck         = '3'
	packetBinaryEvent = '5'
	packetBinaryAck   = '6'
)

// A packet is the text of an EVENT, ACK, BINARY_EVENT or BINARY_ACK:
// type, attachments and '-' if binary, namespace and ',' if not "/", id, JSON array.
type packet struct {
	kind        byte
	attachments int
	namespace   string
	id          AckID
	args        []json.RawMessage // with the event's name first; parts of what was read
}

var errPacket = errors.New("not a valid packet")

func (p *packet) isEvent() bool { return p.kind == packetEvent || p.kind == packetBinaryEvent }

// parseHead reads a packet as far as its arguments, which elements splits.
func parseHead(b []byte, maxAttachments int) (p packet, rest []byte, err error) {
	p = packet{kind: b[0], namespace: "/", id: NoAck}
	b = b[1:]
	if p.kind == packetBinaryEvent || p.kind == packetBinaryAck {
		n, rest, ok := digits(b)
		if !ok || n > int64(maxAttachments) || len(rest) == 0 || rest[0] != '-' {
			return p, nil, errPacket
		}
		p.attachments, b = int(n), rest[1:]
	}
	if len(b) > 0 && b[0] == '/' {
		end := 0
		for end < len(b) && b[end] != ',' {
			end++
		}
		if end == len(b) {
			return p, nil, errPacket
		}
		p.namespace, b = string(b[:end]), b[end+1:]
	}
	if n, rest, ok := digits(b); ok {
		p.id, b = AckID(n), rest
	}
	return p, b, nil
}

// digits reads a number of at most 15 digits, which every JavaScript client can
// count to.
func digits(b []byte) (n int64, rest []byte, ok bool) {
	i := 0
	for i < len(b) && i < 16 && b[i] >= '0' && b[i] <= '9' {
		n = n*10 + int64(b[i]-'0')
		i++
	}
	return n, b[i:], i > 0 && i < 16
}

// elements splits a JSON array.
func elements(b []byte) ([]json.RawMessage, error) {
	if len(b) == 0 || b[0] != '[' {
		return nil, errPacket
	}
	i := jsonscan.Space(b, 1)
	var all []json.RawMessage
	if i < len(b) && b[i] == ']' {
		return all, end(b, i+1)
	}
	for done := false; !done; {
		next, err := jsonscan.Value(b, i)
		if err != nil {
			return nil, err
		}
		all = append(all, json.RawMessage(b[i:next:next]))
		if i, done, err = jsonscan.Next(b, next, ']'); err != nil {
			return nil, err
		}
	}
	return all, end(b, i)
}

func end(b []byte, i int) error {
	if jsonscan.Space(b, i) != len(b) {
		return errPacket
	}
	return nil
}

// name takes the event's name off the arguments.
func (p *packet) name() (string, error) {
	if len(p.args) == 0 || p.args[0][0] != '"' {
		return "", errPacket
	}
	_, plain, err := jsonscan.String(p.args[0], 0)
	if err != nil {
		return "", err
	}
	return jsonscan.Text(p.args[0], plain), nil
}
