package sockets

import (
	"encoding/json"
	"strconv"

	"github.com/example/switchyard/transport/socketio/engineio"
)

// frames are one packet: its text, then its attachments.
type frames []*engineio.Frame

// eventFrames is an event.
func eventFrames(namespace, event string, args []json.RawMessage, attachments [][]byte) frames {
	return packetFrames(packetEvent, packetBinaryEvent, namespace, NoAck, quote(event), args, attachments)
}

// ackFrames is the answer to an event.
func ackFrames(namespace string, id AckID, args []json.RawMessage, attachments [][]byte) frames {
	return packetFrames(packetAck, packetBinaryAck, namespace, id, nil, args, attachments)
}

func packetFrames(plain, binary byte, namespace string, id AckID, first []byte, args []json.RawMessage, attachments [][]byte) frames {
	head := make([]byte, 0, 64)
	if len(attachments) == 0 {
		head = append(head, plain)
	} else {
		head = append(strconv.AppendInt(append(head, binary), int64(len(attachments)), 10), '-')
	}
	if namespace != "/" {
		head = append(append(head, namespace...), ',')
	}
	if id != NoAck {
		head = strconv.AppendInt(head, int64(id), 10)
	}
	parts := append(make([][]byte, 0, 8), append(append(head, '['), first...))
	for i, arg := range args {
		if i > 0 || first != nil {
			parts = append(parts, comma)
		}
		parts = append(parts, arg)
	}
	all := make(frames, 1, 1+len(attachments))
	all[0] = engineio.Text(append(parts, bracket)...)
	for _, a := range attachments {
		all = append(all, engineio.Binary(a))
	}
	return all
}

var comma, bracket = []byte(","), []byte("]")

// quote makes a JSON string.
func quote(s string) []byte {
	b, err := json.Marshal(s)
	if err != nil {
		return []byte(`""`) // a string: cannot happen
	}
	return b
}
