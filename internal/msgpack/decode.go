// Package msgpack turns MessagePack into JSON and back, for clients that write their
// packets in it. All that it reads may be hostile: a length that lies costs nothing,
// nesting is bounded, and so is what becomes of little. It never judges what a value
// means. Start at ToJSON and AppendJSON.
//
// Binary data is base64 in the JSON. Of the extensions those of notepack.io are known,
// which socket.io-msgpack-parser is made of: undefined, dates, and the bytes of an
// ArrayBuffer; dates become texts as in JSON.stringify.
package msgpack

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"math"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/example/switchyard/internal/jsonscan"
)

// Limits are of one message.
type Limits struct {
	Bytes       int // of the JSON
	Binaries    int // binary values,
	BinaryBytes int // and their bytes together
}

// What a message can have wrong.
var (
	ErrSyntax  = errors.New("not valid MessagePack")
	ErrTooLong = errors.New("it has too many or too long values")
)

// ToJSON makes JSON of one value.
func ToJSON(b []byte, l Limits) ([]byte, error) {
	d := decoder{b: b, limits: l, out: make([]byte, 0, len(b)+len(b)/4+16)}
	err := d.value(0)
	switch {
	case err == nil && len(d.b) > 0:
		err = ErrSyntax
	case err == nil && len(d.out) > l.Bytes: // of the last value
		err = ErrTooLong
	}
	return d.out, err
}

type decoder struct {
	b           []byte // what is left
	out         []byte
	limits      Limits
	binaries    int
	binaryBytes int
}

// take takes n bytes.
func (d *decoder) take(n int) ([]byte, error) {
	if n > len(d.b) {
		return nil, ErrSyntax
	}
	taken := d.b[:n]
	d.b = d.b[n:]
	return taken, nil
}

// number takes a big-endian number of size bytes: a length, or any other.
func (d *decoder) number(size int) (uint64, error) {
	b, err := d.take(size)
	if err != nil {
		return 0, err
	}
	var room [8]byte
	copy(room[8-size:], b)
	return binary.BigEndian.Uint64(room[:]), nil
}

// value reads any value.
func (d *decoder) value(depth int) error {
	first, err := d.take(1)
	if err != nil {
		return err
	}
	if len(d.out) > d.limits.Bytes {
		return ErrTooLong
	}
	switch c := first[0]; {
	case c < 0x80: // fixint
		d.out = strconv.AppendInt(d.out, int64(c), 10)
		return nil
	case c >= 0xe0: // negative fixint
		d.out = strconv.AppendInt(d.out, int64(int8(c)), 10)
		return nil
	case c < 0x90:
		return d.object(int(c&0x0f), depth+1)
	case c < 0xa0:
		return d.array(int(c&0x0f), depth+1)
	case c < 0xc0:
		return d.text(int(c & 0x1f))
	case c < 0xc4:
		return d.word(c)
	case c < 0xc7:
		return d.sized(1<<(c-0xc4), d.bytes)
	case c < 0xca:
		return d.sized(1<<(c-0xc7), d.extension)
	case c < 0xd4:
		return d.numeric(c)
	case c < 0xd9:
		return d.fixExtension(1 << (c - 0xd4))
	case c < 0xdc:
		return d.sized(1<<(c-0xd9), d.text)
	case c < 0xde:
		return d.sized(2<<(c-0xdc), func(n int) error { return d.array(n, depth+1) })
	default:
		return d.sized(2<<(c-0xde), func(n int) error { return d.object(n, depth+1) })
	}
}

// sized reads a length, and what has it.
func (d *decoder) sized(size int, read func(n int) error) error {
	n, err := d.number(size)
	if err != nil {
		return err
	}
	if n > uint64(len(d.b)) { // whatever it counts has a byte at least
		return ErrSyntax
	}
	return read(int(n))
}

func (d *decoder) word(c byte) error {
	words := [...]string{0: "null", 2: "false", 3: "true"}
	if words[c-0xc0] == "" { // 0xc1 is never used
		return ErrSyntax
	}
	d.out = append(d.out, words[c-0xc0]...)
	return nil
}

func (d *decoder) numeric(c byte) error {
	size := [...]int{4, 8, 1, 2, 4, 8, 1, 2, 4, 8}[c-0xca]
	n, err := d.number(size)
	switch {
	case err != nil:
		return err
	case c == 0xca:
		d.float(float64(math.Float32frombits(uint32(n))), 32)
	case c == 0xcb:
		d.float(math.Float64frombits(n), 64)
	case c < 0xd0:
		d.out = strconv.AppendUint(d.out, n, 10)
	default:
		unused := 64 - 8*size
		d.out = strconv.AppendInt(d.out, int64(n<<unused)>>unused, 10)
	}
	return nil
}

// float writes a number as JSON.stringify does: what JSON does not have is null.
func (d *decoder) float(f float64, bits int) {
	size := math.Abs(f)
	switch {
	case math.IsNaN(f), math.IsInf(f, 0):
		d.out = append(d.out, "null"...)
	case size >= 1e21, size < 1e-6 && size > 0:
		d.out = strconv.AppendFloat(d.out, f, 'e', -1, bits)
	default:
		d.out = strconv.AppendFloat(d.out, f, 'f', -1, bits)
	}
}

func (d *decoder) text(n int) error {
	s, err := d.take(n)
	if err != nil {
		return err
	}
	if !utf8.Valid(s) {
		return ErrSyntax
	}
	d.out = append(d.out, '"')
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			d.out = append(d.out, '\\', c)
		case c < ' ':
			const hex = "0123456789abcdef"
			d.out = append(d.out, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			d.out = append(d.out, c)
		}
	}
	d.out = append(d.out, '"')
	return nil
}

func (d *decoder) bytes(n int) error {
	b, err := d.take(n)
	if err != nil {
		return err
	}
	d.binaries++
	d.binaryBytes += n
	if d.binaries > d.limits.Binaries || d.binaryBytes > d.limits.BinaryBytes {
		return ErrTooLong
	}
	d.out = append(base64.StdEncoding.AppendEncode(append(d.out, '"'), b), '"')
	return nil
}

// extension reads the bytes of an ArrayBuffer.
func (d *decoder) extension(n int) error {
	kind, err := d.take(1)
	if err != nil || kind[0] != 0 {
		return ErrSyntax
	}
	return d.bytes(n)
}

// fixExtension reads undefined, which is null, or a date.
func (d *decoder) fixExtension(n int) error {
	b, err := d.take(1 + n)
	switch {
	case err != nil || b[0] != 0:
		return ErrSyntax
	case n == 1 && b[1] == 0:
		d.out = append(d.out, "null"...)
		return nil
	case n == 8:
		at := time.UnixMilli(int64(binary.BigEndian.Uint64(b[1:]))).UTC()
		if at.Year() < 0 || at.Year() > 9999 {
			return ErrSyntax
		}
		d.out = at.AppendFormat(d.out, `"2006-01-02T15:04:05.000Z"`)
		return nil
	}
	return ErrSyntax
}

func (d *decoder) array(n, depth int) error {
	if depth > jsonscan.MaxDepth {
		return jsonscan.ErrDepth
	}
	d.out = append(d.out, '[')
	for i := range n {
		if i > 0 {
			d.out = append(d.out, ',')
		}
		if err := d.value(depth); err != nil {
			return err
		}
	}
	d.out = append(d.out, ']')
	return nil
}

const undefined = "\xd4\x00\x00"

// object reads a map, whose keys must be texts. A member that is undefined is none, as in
// JSON.stringify.
func (d *decoder) object(n, depth int) error {
	if depth > jsonscan.MaxDepth {
		return jsonscan.ErrDepth
	}
	d.out = append(d.out, '{')
	for range n {
		before := len(d.out)
		if d.out[before-1] != '{' {
			d.out = append(d.out, ',')
		}
		if err := d.key(); err != nil {
			return err
		}
		if len(d.b) >= len(undefined) && string(d.b[:len(undefined)]) == undefined {
			d.b, d.out = d.b[len(undefined):], d.out[:before]
			continue
		}
		d.out = append(d.out, ':')
		if err := d.value(depth); err != nil {
			return err
		}
	}
	d.out = append(d.out, '}')
	return nil
}

func (d *decoder) key() error {
	if len(d.b) == 0 || (d.b[0] < 0xa0 || d.b[0] >= 0xc0) && (d.b[0] < 0xd9 || d.b[0] > 0xdb) {
		return ErrSyntax
	}
	return d.value(0)
}
