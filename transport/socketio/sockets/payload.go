package sockets

import (
	"encoding/base64"
	"encoding/json"
	"errors"

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

// Check finds what would break the connections of all who get the payload.
func (p Payload) Check() error {
	if !json.Valid(p.JSON) {
		return errors.New("its payload is no JSON")
	}
	if p.plain() {
		return nil
	}
	if first := p.JSON[jsonscan.Space(p.JSON, 0)]; p.Spread && first != '[' && first != '{' {
		return errors.New("its arguments are no JSON array or object")
	}
	return jsonscan.Find(p.JSON, nil, nil) // it may be nested too deeply to be taken apart
}

// plain tells that the payload is an argument as it is, as most are.
func (p Payload) plain() bool { return !p.Spread && len(p.Binary) == 0 }

// A span is a part of a payload.
type span struct{ start, end int }

// arguments are where the arguments of a payload are.
func (p Payload) arguments() []span {
	if !p.Spread {
		return []span{{0, len(p.JSON)}}
	}
	return p.find([]string{"/*"})
}

func (p Payload) find(patterns []string) (all []span) {
	_ = jsonscan.Find(p.JSON, patterns, func(start, end int) { // what is no JSON was refused before
		all = append(all, span{start, end})
	})
	return all
}

// Args are the arguments of the payload, with binary data as base64, and their names if
// they are the values of an object.
func (p Payload) Args() (names []string, args []json.RawMessage) {
	if begin := jsonscan.Space(p.JSON, 0); p.Spread && p.JSON[begin] == '{' {
		_, _ = jsonscan.Members(p.JSON, begin, func(name string, value []byte) { // what is no JSON was refused before
			names, args = append(names, name), append(args, value)
		})
		return names, args
	}
	for _, arg := range p.arguments() {
		args = append(args, p.JSON[arg.start:arg.end])
	}
	return nil, args
}

// A blob is binary data of a payload, and the text that stands for it.
type blob struct {
	span
	data []byte
}

// blobs are the binary data of a payload, in their order. What is no base64 stays what
// it is.
func (p Payload) blobs() (all []blob) {
	if len(p.Binary) == 0 {
		return nil
	}
	for _, at := range p.find(p.Binary) {
		if p.JSON[at.start] != '"' {
			continue
		}
		if data, err := base64.StdEncoding.AppendDecode([]byte{}, p.JSON[at.start+1:at.end-1]); err == nil {
			all = append(all, blob{at, data})
		}
	}
	return all
}

// text writes a payload as the arguments of a packet, with placeholders for the
// attachments.
func (p Payload) text() (text json.RawMessage, attachments [][]byte) {
	if p.plain() {
		return p.JSON, nil
	}
	blobs := p.blobs()
	for i, arg := range p.arguments() {
		if i > 0 {
			text = append(text, ',')
		}
		from := arg.start
		for ; len(blobs) > 0 && blobs[0].start < arg.end; blobs = blobs[1:] {
			text = append(text, p.JSON[from:blobs[0].start]...)
			text = appendPlaceholder(text, len(attachments))
			attachments, from = append(attachments, blobs[0].data), blobs[0].end
		}
		text = append(text, p.JSON[from:arg.end]...)
	}
	return text, attachments
}
