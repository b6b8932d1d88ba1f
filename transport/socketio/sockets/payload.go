package sockets

import (
	"bytes"
	"encoding/base64"
	"encoding/json"

	"github.com/example/switchyard/internal/jsonscan"
)

// A Payload is what an event or an acknowledgement brings. It is written once for all
// who get it.
type Payload struct {
	JSON   json.RawMessage // one argument, or
	Spread bool            // several: each element of an array, or each value of an object
	Binary []string        // where base64 is that leaves as binary data, see jsonscan.Find
}

// JSON is a payload of one argument.
func JSON(argument json.RawMessage) Payload { return Payload{JSON: argument} }

// attach takes the binary data out of a payload and puts placeholders in place of it.
// What is no base64 stays.
func (p Payload) attach() (text json.RawMessage, attachments [][]byte) {
	if len(p.Binary) == 0 {
		return p.JSON, nil
	}
	var out []byte
	from := 0
	p.binary(func(start, end int, data []byte) {
		out = append(out, p.JSON[from:start]...)
		out = appendPlaceholder(out, len(attachments))
		attachments, from = append(attachments, data), end
	})
	return append(out, p.JSON[from:]...), attachments
}

// binary finds the binary data of a payload.
func (p Payload) binary(found func(start, end int, data []byte)) {
	_ = jsonscan.Find(p.JSON, p.Binary, func(start, end int) { // what is no JSON was refused before
		if p.JSON[start] != '"' {
			return
		}
		data, err := base64.StdEncoding.AppendDecode(nil, p.JSON[start+1:end-1])
		if err == nil {
			found(start, end, data)
		}
	})
}

// spread writes the elements of an array, or the values of an object, as arguments are
// written. What is neither is one argument.
func spread(text json.RawMessage) json.RawMessage {
	text = bytes.TrimSpace(text)
	switch {
	case len(text) > 1 && text[0] == '[':
		return bytes.TrimSpace(text[1 : len(text)-1])
	case len(text) > 1 && text[0] == '{':
		var values []byte
		_, _ = jsonscan.Members(text, 0, func(_ string, value []byte) { // valid, as above
			if len(values) > 0 {
				values = append(values, ',')
			}
			values = append(values, value...)
		})
		return values
	}
	return text
}
