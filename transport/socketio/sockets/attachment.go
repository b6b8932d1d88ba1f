package sockets

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strconv"

	"github.com/example/switchyard/internal/jsonscan"
)

// {"_placeholder":true,"num":0} stands in the text of a packet where its first attachment
// belongs.
func appendPlaceholder(b []byte, num int) []byte {
	return append(strconv.AppendInt(append(b, `{"_placeholder":true,"num":`...), int64(num), 10), '}')
}

// inline puts attachments where their placeholders are, as base64. The arguments were
// split by elements, so they are JSON. Each attachment must be asked for once: a text
// that could ask twice could make much of little.
func inline(args []json.RawMessage, attachments [][]byte) error {
	in := inliner{attachments: attachments, used: make([]bool, len(attachments))}
	for i, arg := range args {
		in.b, in.out, in.from = arg, nil, 0
		if _, err := in.value(0); err != nil {
			return err
		}
		if in.from > 0 {
			args[i] = append(in.out, arg[in.from:]...)
		}
	}
	if in.placed < len(attachments) {
		return errPacket
	}
	return nil
}

type inliner struct {
	attachments [][]byte
	used        []bool
	placed      int

	b    []byte // an argument,
	out  []byte // what it becomes,
	from int    // up to here
}

// value reads the value at i, whose depth elements has bounded.
func (in *inliner) value(i int) (int, error) {
	if i < len(in.b) && (in.b[i] == '{' || in.b[i] == '[') {
		return in.container(i)
	}
	return jsonscan.Value(in.b, i)
}

func (in *inliner) container(start int) (int, error) {
	object, closer := in.b[start] == '{', in.b[start]+2
	i := jsonscan.Space(in.b, start+1)
	if in.b[i] == closer {
		return i + 1, nil
	}
	var p placeholder
	for done := false; !done; {
		key := i
		var err error
		if object {
			if i, err = jsonscan.Key(in.b, i); err != nil {
				return i, err
			}
		}
		end, err := in.value(i)
		if err != nil {
			return end, err
		}
		if object {
			p.member(in.b[key:i], in.b[i:end])
		}
		if i, done, err = jsonscan.Next(in.b, end, closer); err != nil {
			return i, err
		}
	}
	if p.marked {
		return i, in.place(p.num, start, i)
	}
	return i, nil
}

// A placeholder is what an object has of one.
type placeholder struct {
	marked bool
	num    []byte
}

// member looks at one member of an object. No client writes these names with escapes.
func (p *placeholder) member(key, value []byte) {
	switch {
	case bytes.HasPrefix(key, []byte(`"_placeholder"`)):
		p.marked = string(value) == "true"
	case bytes.HasPrefix(key, []byte(`"num"`)):
		p.num = value
	}
}

// place puts an attachment in place of what is from start to end.
func (in *inliner) place(num []byte, start, end int) error {
	n, err := strconv.Atoi(string(num))
	if err != nil || n < 0 || n >= len(in.attachments) || in.used[n] || start < in.from {
		return errPacket
	}
	in.used[n] = true
	in.placed++
	in.out = append(append(in.out, in.b[in.from:start]...), '"')
	in.out = append(base64.StdEncoding.AppendEncode(in.out, in.attachments[n]), '"')
	in.from = end
	return nil
}
