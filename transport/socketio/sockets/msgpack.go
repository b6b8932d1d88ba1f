package sockets

import (
	"encoding/json"

	"github.com/example/switchyard/internal/jsonscan"
	"github.com/example/switchyard/internal/msgpack"
	"github.com/example/switchyard/transport/socketio/engineio"
)

// Packets of socket.io-msgpack-parser: each is one binary message, a map with type, nsp,
// data, and perhaps id. Here they become the packets in JSON that everything else knows,
// and back.

// The parsers that a server may speak. All its clients speak the same one.
const (
	ParserJSON    = "json"
	ParserMsgpack = "msgpack"
)

// fromMsgpack makes the text of a packet.
func (srv *Server) fromMsgpack(b []byte) (packet []byte, err error) {
	text, err := msgpack.ToJSON(b, msgpack.Limits{
		Bytes:    2 * int(srv.cfg.Engine.MaxPayload), // more than base64 takes
		Binaries: srv.cfg.MaxAttachments, BinaryBytes: srv.cfg.AttachmentBytes,
	})
	if err != nil {
		return nil, err
	}
	var kind, namespace, id, data []byte
	_, err = jsonscan.Members(text, 0, func(name string, value []byte) {
		switch name {
		case "type":
			kind = value
		case "nsp":
			namespace = value
		case "id":
			id = value
		case "data":
			data = value
		}
	})
	if err != nil || len(kind) != 1 || len(namespace) < 3 || namespace[1] != '/' {
		return nil, errPacket
	}
	packet = append(make([]byte, 0, len(text)), kind...)
	packet = append(append(packet, namespace[1:len(namespace)-1]...), ',')
	if string(id) != "null" {
		packet = append(packet, id...)
	}
	if string(data) != "null" {
		packet = append(packet, data...)
	}
	return packet, nil
}

// msgpackFrames is packetFrames in msgpack.
func msgpackFrames(kind byte, namespace string, id AckID, name string, p Payload) frames {
	blobs, args := p.blobs(), p.arguments()
	n := len(args)
	if kind == packetEvent {
		n++
	}
	b := msgpack.AppendArray(appendMsgpackHead(nil, kind, namespace, id, true), n)
	if kind == packetEvent {
		b = msgpack.AppendText(b, name)
	}
	for _, arg := range args {
		if arg == missing {
			b, _, _ = msgpack.AppendJSON(b, null, 0, nil)
			continue
		}
		var err error
		b, _, err = msgpack.AppendJSON(b, p.JSON, arg.start, func(start int) ([]byte, bool) {
			for _, b := range blobs {
				if b.start == start {
					return b.data, true
				}
			}
			return nil, false
		})
		if err != nil {
			return nil // what is no JSON was refused before
		}
	}
	return frames{engineio.Binary(b)}
}

// appendMsgpackHead appends what comes before the data of a packet.
func appendMsgpackHead(b []byte, kind byte, namespace string, id AckID, data bool) []byte {
	n := 2
	if id != NoAck {
		n++
	}
	if data {
		n++
	}
	b = msgpack.AppendMap(b, n)
	b = msgpack.AppendInt(msgpack.AppendText(b, "type"), int64(kind-'0'))
	b = msgpack.AppendText(msgpack.AppendText(b, "nsp"), namespace)
	if id != NoAck {
		b = msgpack.AppendInt(msgpack.AppendText(b, "id"), int64(id))
	}
	if data {
		b = msgpack.AppendText(b, "data")
	}
	return b
}

// toMsgpack makes a frame of a packet that the library has written: CONNECT,
// CONNECT_ERROR or DISCONNECT.
func toMsgpack(packet []byte) (*engineio.Frame, error) {
	p, data, err := parseHead(packet, 0)
	if err != nil {
		return nil, err
	}
	b := appendMsgpackHead(nil, p.kind, string(p.namespace), NoAck, len(data) > 0)
	if len(data) > 0 {
		if b, _, err = msgpack.AppendJSON(b, json.RawMessage(data), 0, nil); err != nil {
			return nil, err
		}
	}
	return engineio.Binary(b), nil
}
