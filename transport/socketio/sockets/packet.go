package sockets

import (
	"bytes"
	"encoding/json"
	"errors"

	"github.com/example/switchyard/internal/jsonscan"
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

// A packet is the text of an EVENT, ACK, BINARY_EVENT or BINARY_ACK:
// type, attachments and '-' if binary, namespace and ',' if not "/", id, JSON array.
type packet struct {
	kind        byte
	attachments int
	namespace   []byte // part of what was read, as args
	id          AckID
	args        []json.RawMessage // with the event's name first; parts of what was read
}

var root = []byte("/")

var errPacket = errors.New("not a valid packet")

func (p *packet) isEvent() bool { return p.kind == packetEvent || p.kind == packetBinaryEvent }

// parseHead reads a packet as far as its arguments, which elements splits.
func parseHead(b []byte, maxAttachments int) (p packet, rest []byte, err error) {
	p = packet{kind: b[0], namespace: root, id: NoAck}
	b = b[1:]
	if p.kind == packetBinaryEvent || p.kind == packetBinaryAck {
		n, rest, ok := digits(b)
		if !ok || n > int64(maxAttachments) || len(rest) == 0 || rest[0] != '-' {
			return p, nil, errPacket
		}
		p.attachments, b = int(n), rest[1:]
	}
	if len(b) > 0 && b[0] == '/' {
		end := bytes.IndexByte(b, ',')
		if end < 0 {
			return p, nil, errPacket
		}
		p.namespace, b = b[:end], b[end+1:]
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

// elements splits a JSON array, and appends its elements to all.
func elements(all []json.RawMessage, b []byte) ([]json.RawMessage, error) {
	if len(b) == 0 || b[0] != '[' {
		return nil, errPacket
	}
	i := jsonscan.Space(b, 1)
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

// name reads the event's name. It is last if it is the same, as it mostly is.
func (p *packet) name(last string) (string, error) {
	if len(p.args) == 0 || p.args[0][0] != '"' {
		return "", errPacket
	}
	first := p.args[0]
	if string(first[1:len(first)-1]) == last {
		return last, nil
	}
	_, plain, err := jsonscan.String(first, 0)
	if err != nil {
		return "", err
	}
	return jsonscan.Text(first, plain), nil
}
