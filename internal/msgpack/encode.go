package msgpack

import (
	"encoding/binary"
	"math"
	"strconv"

	"github.com/example/switchyard/internal/jsonscan"
)

// AppendJSON appends the JSON value at text[i:] as MessagePack, and returns the index
// after it. bytes, unless it is nil, says of the string that begins at an index which
// binary data is to take its place.
func AppendJSON(b, text []byte, i int, bytes func(start int) ([]byte, bool)) ([]byte, int, error) {
	e := encoder{out: b, text: text, bytes: bytes}
	end, err := e.value(jsonscan.Space(text, i), 0)
	return e.out, end, err
}

const maxDepth = 10_000 // what json.Valid lets pass: this is our own

type encoder struct {
	out   []byte
	text  []byte
	bytes func(start int) ([]byte, bool)
}

func (e *encoder) value(i, depth int) (int, error) {
	if i >= len(e.text) {
		return i, jsonscan.ErrSyntax
	}
	switch c := e.text[i]; {
	case c == '"':
		return e.str(i)
	case c == '{' || c == '[':
		return e.container(i, depth+1)
	case c == '-' || c >= '0' && c <= '9':
		return e.number(i)
	}
	end, err := jsonscan.Value(e.text, i)
	switch {
	case err != nil:
	case e.text[i] == 'n':
		e.out = append(e.out, 0xc0)
	case e.text[i] == 'f':
		e.out = append(e.out, 0xc2)
	default:
		e.out = append(e.out, 0xc3)
	}
	return end, err
}

func (e *encoder) str(i int) (int, error) {
	end, plain, err := jsonscan.String(e.text, i)
	if err != nil {
		return end, err
	}
	if e.bytes != nil {
		if data, ok := e.bytes(i); ok {
			e.out = AppendBytes(e.out, data)
			return end, nil
		}
	}
	if plain {
		e.out = append(appendTextHeader(e.out, end-i-2), e.text[i+1:end-1]...)
	} else {
		e.out = AppendText(e.out, jsonscan.Text(e.text[i:end], plain))
	}
	return end, nil
}

// number writes a whole number as one if that holds it, any other as a float.
func (e *encoder) number(i int) (int, error) {
	end, whole, err := jsonscan.Number(e.text, i)
	if err != nil {
		return end, err
	}
	s := string(e.text[i:end])
	if whole && s != "-0" {
		if n, err := strconv.ParseInt(s, 10, 64); err == nil {
			e.out = AppendInt(e.out, n)
			return end, nil
		}
		if n, err := strconv.ParseUint(s, 10, 64); err == nil {
			e.out = binary.BigEndian.AppendUint64(append(e.out, 0xcf), n)
			return end, nil
		}
	}
	f, _ := strconv.ParseFloat(s, 64) // out of range it is infinite, as in JSON.parse
	e.out = binary.BigEndian.AppendUint64(append(e.out, 0xcb), math.Float64bits(f))
	return end, nil
}

func (e *encoder) container(i, depth int) (int, error) {
	if depth > maxDepth {
		return i, jsonscan.ErrDepth
	}
	object, closer := e.text[i] == '{', e.text[i]+2
	start, n := len(e.out), 0
	e.out = append(e.out, 0) // of most the whole header
	i = jsonscan.Space(e.text, i+1)
	done := i < len(e.text) && e.text[i] == closer
	if done {
		i++
	}
	for ; !done; n++ {
		var err error
		if object {
			if i, err = e.key(i); err != nil {
				return i, err
			}
		}
		if i, err = e.value(i, depth); err == nil {
			i, done, err = jsonscan.Next(e.text, i, closer)
		}
		if err != nil {
			return i, err
		}
	}
	e.header(start, n, object)
	return i, nil
}

func (e *encoder) key(i int) (int, error) {
	if i >= len(e.text) || e.text[i] != '"' {
		return i, jsonscan.ErrSyntax
	}
	end, plain, err := jsonscan.String(e.text, i)
	if err != nil {
		return end, err
	}
	e.out = AppendText(e.out, jsonscan.Text(e.text[i:end], plain))
	return jsonscan.Colon(e.text, end)
}

// header writes the header of a container of n values, for which there is one byte.
func (e *encoder) header(start, n int, object bool) {
	var room [5]byte
	h := AppendArray(room[:0], n)
	if object {
		h = AppendMap(room[:0], n)
	}
	e.out = append(e.out, h[1:]...) // for the length
	copy(e.out[start+len(h):], e.out[start+1:])
	copy(e.out[start:], h)
}

// AppendArray appends the header of an array.
func AppendArray(b []byte, n int) []byte { return appendHeader(b, n, 0x90, 15, 0xdc) }

// AppendMap appends the header of a map.
func AppendMap(b []byte, n int) []byte { return appendHeader(b, n, 0x80, 15, 0xde) }

func appendHeader(b []byte, n int, short byte, most int, long byte) []byte {
	switch {
	case n <= most:
		return append(b, short|byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(b, long), uint16(n))
	}
	return binary.BigEndian.AppendUint32(append(b, long+1), uint32(n))
}

// AppendText appends a text.
func AppendText(b []byte, s string) []byte { return append(appendTextHeader(b, len(s)), s...) }

func appendTextHeader(b []byte, n int) []byte {
	if n > 31 && n < 1<<8 {
		return append(b, 0xd9, byte(n))
	}
	return appendHeader(b, n, 0xa0, 31, 0xda)
}

// AppendBytes appends binary data.
func AppendBytes(b, data []byte) []byte {
	if n := len(data); n < 1<<8 {
		b = append(b, 0xc4, byte(n))
	} else {
		b = appendHeader(b, n, 0, -1, 0xc5)
	}
	return append(b, data...)
}

// AppendInt appends a whole number, as short as it can be.
func AppendInt(b []byte, n int64) []byte {
	switch {
	case n >= -32 && n < 128:
		return append(b, byte(n))
	case n >= 0 && n < 1<<8:
		return append(b, 0xcc, byte(n))
	case n >= 0 && n < 1<<16:
		return binary.BigEndian.AppendUint16(append(b, 0xcd), uint16(n))
	case n >= 0 && n < 1<<32:
		return binary.BigEndian.AppendUint32(append(b, 0xce), uint32(n))
	case n >= 0:
		return binary.BigEndian.AppendUint64(append(b, 0xcf), uint64(n))
	case n >= math.MinInt8:
		return append(b, 0xd0, byte(n))
	case n >= math.MinInt16:
		return binary.BigEndian.AppendUint16(append(b, 0xd1), uint16(n))
	case n >= math.MinInt32:
		return binary.BigEndian.AppendUint32(append(b, 0xd2), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(b, 0xd3), uint64(n))
}
