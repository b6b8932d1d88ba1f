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
	return packetFrames(packetEvent, packetBinaryEvent, namespace, "", quote(event), args, attachments)
}

// ackFrames is the answer to an event.
func ackFrames(namespace string, id AckID, args []json.RawMessage, attachments [][]byte) frames {
	return packetFrames(packetAck, packetBinaryAck, namespace, strconv.FormatInt(int64(id), 10), "", args, attachments)
}

func packetFrames(plain, binary byte, namespace, id, first string, args []json.RawMessage, attachments [][]byte) frames {
	parts := make([]string, 0, 8)
	if len(attachments) == 0 {
		parts = append(parts, string(plain))
	} else {
		parts = append(parts, string(binary), strconv.Itoa(len(attachments)), "-")
	}
	if namespace != "/" {
		parts = append(parts, namespace, ",")
	}
	parts = append(parts, id, "[", first)
	for i, arg := range args {
		if i > 0 || first != "" {
			parts = append(parts, ",")
		}
		parts = append(parts, string(arg))
	}
	all := frames{engineio.Text(append(parts, "]")...)}
	for _, a := range attachments {
		all = append(all, engineio.Binary(a))
	}
	return all
}

// quote makes a JSON string.
func quote(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		return `""` // a string: cannot happen
	}
	return string(b)
}
