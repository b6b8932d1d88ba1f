package sockets

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"

	"github.com/example/switchyard/internal/jsonscan"
)

// A Payload is what an event or an acknowledgement brings. It is written once for all
// who get it.
type Payload struct {
	JSON   json.RawMessage // one argument, or
	Spread bool            // several: each element of an array, or each value of an object
	Names  []string        // all that the object may have: one before the last that it has is null
	Binary []string        // where base64 is that leaves as binary data, see jsonscan.Find

	full bool // each of Names has its place, because a callback comes last
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

var (
	missing = span{-1, -1} // an argument that the payload does not have
	null    = []byte("null")
)

// arguments are where the arguments of a payload are.
func (p Payload) arguments() []span {
	if !p.Spread {
		return []span{{0, len(p.JSON)}}
	}
	all := p.find([]string{"/*"})
	if len(p.Names) == 0 || !p.object() {
		return all
	}
	_, members := p.places()
	placed := make([]span, len(members))
	for i, m := range members {
		if placed[i] = missing; m >= 0 {
			placed[i] = all[m]
		}
	}
	return placed
}

func (p Payload) object() bool {
	begin := jsonscan.Space(p.JSON, 0)
	return begin < len(p.JSON) && p.JSON[begin] == '{'
}

// places are the names of the arguments that an object is, and which of its members each
// is, -1 for one that it does not have. A member that nobody has declared comes after all
// that are: another version of the service has.
func (p Payload) places() (names []string, members []int) {
	leave := func(until int) {
		for len(names) < until {
			names, members = append(names, p.Names[len(names)]), append(members, -1)
		}
	}
	var others []string // and their members
	var places []int
	n := 0
	_, _ = jsonscan.Members(p.JSON, jsonscan.Space(p.JSON, 0), func(name string, _ []byte) { // what is no JSON was refused before
		at := slices.Index(p.Names, name)
		if at >= 0 && (at >= len(members) || members[at] < 0) { // objects have no order
			leave(at + 1)
			members[at] = n
		} else {
			others, places = append(others, name), append(places, n)
		}
		n++
	})
	if p.full || len(others) > 0 {
		leave(len(p.Names))
	}
	return append(names, others...), append(members, places...)
}

// at is an argument.
func (p Payload) at(arg span) json.RawMessage {
	if arg == missing {
		return null
	}
	return p.JSON[arg.start:arg.end]
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
	if p.Spread && p.object() {
		names, _ = p.places()
	}
	for _, arg := range p.arguments() {
		args = append(args, p.at(arg))
	}
	return names, args
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
		if arg == missing {
			text = append(text, null...)
			continue
		}
		from := arg.start
		for _, b := range blobs {
			if b.start < arg.start || b.end > arg.end {
				continue
			}
			text = append(text, p.JSON[from:b.start]...)
			text = appendPlaceholder(text, len(attachments))
			attachments, from = append(attachments, b.data), b.end
		}
		text = append(text, p.JSON[from:arg.end]...)
	}
	return text, attachments
}
