package sockets

import (
	"encoding/json"
	"strconv"

	"github.com/example/switchyard/transport/socketio/engineio"
)

// frames are one packet: its text, then its attachments.
type frames []*engineio.Frame

// eventFrames is an event, or with an id a question.
func (srv *Server) eventFrames(namespace, event string, id AckID, p Payload) frames {
	if srv.cfg.Parser == ParserMsgpack {
		return msgpackFrames(packetEvent, namespace, id, event, p)
	}
	return packetFrames(packetEvent, packetBinaryEvent, namespace, id, quote(event), p)
}

// ackFrames is the answer to an event.
func (srv *Server) ackFrames(namespace string, id AckID, p Payload) frames {
	if srv.cfg.Parser == ParserMsgpack {
		return msgpackFrames(packetAck, namespace, id, "", p)
	}
	return packetFrames(packetAck, packetBinaryAck, namespace, id, nil, p)
}

// appendHead appends what comes before a packet's arguments.
func appendHead(b []byte, kind byte, attachments int, namespace string, id AckID) []byte {
	b = append(b, kind)
	if attachments > 0 {
		b = append(strconv.AppendInt(b, int64(attachments), 10), '-')
	}
	if namespace != "/" {
		b = append(append(b, namespace...), ',')
	}
	if id != NoAck {
		b = strconv.AppendInt(b, int64(id), 10)
	}
	return append(b, '[')
}

// ackFrame is the answer to an event, with one value: what most answers are.
func ackFrame(namespace string, id AckID, value json.RawMessage) *engineio.Frame {
	var room [64]byte
	return engineio.OwnText(appendHead(room[:0], packetAck, 0, namespace, id), value, bracket)
}

// packetFrames writes a packet. first is the event's name.
func packetFrames(plain, binary byte, namespace string, id AckID, first []byte, p Payload) frames {
	args, attachments := p.text()
	kind := plain
	if len(attachments) > 0 {
		kind = binary
	}
	head := append(appendHead(nil, kind, len(attachments), namespace, id), first...)
	if first != nil && len(args) > 0 {
		head = append(head, ',')
	}
	all := make(frames, 1, 1+len(attachments))
	all[0] = engineio.Text(head, []byte(args), bracket)
	for _, a := range attachments {
		all = append(all, engineio.Binary(a))
	}
	return all
}

var bracket = []byte("]")

// quote makes a JSON string.
func quote(s string) []byte {
	b, err := json.Marshal(s)
	if err != nil {
		return []byte(`""`) // a string: cannot happen
	}
	return b
}
