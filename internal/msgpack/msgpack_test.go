package msgpack_test

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"

	reference "github.com/vmihailenco/msgpack/v5"

	"github.com/example/switchyard/internal/jsonscan"
	"github.com/example/switchyard/internal/msgpack"
)

var limits = msgpack.Limits{Bytes: 1 << 20, Binaries: 4, BinaryBytes: 1000}

func TestToJSON(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		value any
		want  string
	}{
		"words":    {[]any{nil, true, false}, `[null,true,false]`},
		"integers": {[]any{0, 127, 128, 255, 65535, 65536, uint64(math.MaxUint64), -1, -32, -33, -129, -40000, math.MinInt64}, `[0,127,128,255,65535,65536,18446744073709551615,-1,-32,-33,-129,-40000,-9223372036854775808]`},
		"floats":   {[]any{0.5, float32(0.1), 1e6, 1e21, 1e-7, 0.0, math.NaN(), math.Inf(1)}, `[0.5,0.1,1000000,1e+21,1e-07,0,null,null]`},
		"texts":    {[]any{"", "é😀", "a\"\\\n\x00\u007f", strings.Repeat("x", 300)}, `["","é😀","a\"\\\u000a\u0000` + "\u007f" + `","` + strings.Repeat("x", 300) + `"]`},
		"binary":   {[]any{[]byte{1, 2, 3}, []byte{}, make([]byte, 300)}, `["AQID","","` + strings.Repeat("AAAA", 100) + `"]`},
		"maps":     {map[string]any{"a": map[string]any{}}, `{"a":{}}`},
	} {
		b, err := reference.Marshal(tc.value)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := msgpack.ToJSON(b, limits); err != nil || string(got) != tc.want {
			t.Errorf("%s: %v %s", name, err, got)
		}
	}
	for bytes, want := range map[string]string{ // what notepack.io writes
		"93d40000c0d40000":                     `[null,null,null]`,
		"83a161d40000a16201a163d40000":         `{"b":1}`,
		"d7000000016e7ee0c000":                 `"2019-11-18T14:18:08.768Z"`,
		"c70300010203":                         `"AQID"`,
		"dc000101":                             `[1]`,
		"de0001d90161c2":                       `{"a":false}`,
		"df00000001a161dd00000001db0000000162": `{"a":["b"]}`,
	} {
		b, err := hex.DecodeString(bytes)
		if err != nil {
			t.Fatal(err)
		}
		got, err := msgpack.ToJSON(b, limits)
		if err != nil || string(got) != want {
			t.Errorf("%s: %v %s", bytes, err, got)
		}
	}
}

// What lies, or would become too much, is refused.
func TestToJSONRefuses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		bytes string
		want  error
	}{
		"nothing":                 {"", msgpack.ErrSyntax},
		"two values":              {"\x01\x01", msgpack.ErrSyntax},
		"the byte without use":    {"\xc1", msgpack.ErrSyntax},
		"a long text of nothing":  {"\xdb\xff\xff\xff\xff", msgpack.ErrSyntax},
		"long bytes of nothing":   {"\xc6\xff\xff\xff\xff\x01", msgpack.ErrSyntax},
		"a long array of nothing": {"\xdd\xff\xff\xff\xff\x01", msgpack.ErrSyntax},
		"a long map of nothing":   {"\xdf\x7f\xff\xff\xff\xa1a\x01", msgpack.ErrSyntax},
		"a short number":          {"\xcf\x01", msgpack.ErrSyntax},
		"no UTF-8":                {"\xa1\xff", msgpack.ErrSyntax},
		"a number as a key":       {"\x81\x01\x01", msgpack.ErrSyntax},
		"bytes as a key":          {"\x81\xc4\x01a\x01", msgpack.ErrSyntax},
		"an unknown extension":    {"\xd4\x01\x00", msgpack.ErrSyntax},
		"a long extension":        {"\xc9\xff\xff\xff\xff\x00\x01", msgpack.ErrSyntax},
		"a date out of all time":  {"\xd7\x00\x7f\xff\xff\xff\xff\xff\xff\xff", msgpack.ErrSyntax},
		"depth":                   {strings.Repeat("\x91", 100_000) + "\x01", jsonscan.ErrDepth},
		"depth of maps":           {strings.Repeat("\x81\xa1a", 100_000) + "\x01", jsonscan.ErrDepth},
		"much of little":          {"\xdd\x00\x0f\xff\xff" + strings.Repeat("\xc2", 0xfffff), msgpack.ErrTooLong},
		"many binary values":      {"\x95" + strings.Repeat("\xc4\x00", 5), msgpack.ErrTooLong},
		"much binary data":        {"\x92" + strings.Repeat("\xc5\x02\x00"+strings.Repeat("x", 512), 2), msgpack.ErrTooLong},
	} {
		if got, err := msgpack.ToJSON([]byte(tc.bytes), limits); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v %.100s", name, err, got)
		}
	}
}

func TestAppendJSON(t *testing.T) {
	t.Parallel()
	long := strings.Repeat(`0,`, 70_000) + `0`
	for _, text := range []string{
		`null`, `[true,false,null]`, `[0,127,128,255,256,65535,65536,4294967295,4294967296,-1,-32,-33,-128,-129,-32768,-32769,-2147483648,-2147483649]`,
		`[9223372036854775807,18446744073709551615,18446744073709551616,-0,0.5,1e3,1E-3]`, `""`, `"é\n\"😀\ud83d\ude00"`, `"` + strings.Repeat("x", 31) + `"`,
		`"` + strings.Repeat("x", 32) + `"`, `"` + strings.Repeat("x", 256) + `"`, `"` + strings.Repeat("x", 65536) + `"`,
		` { "a" : [ 1 , { } ] , "\u0062" : [ ] } `, `[` + long[:31] + `]`, `[` + long[:33] + `]`, `[` + long + `]`,
	} {
		b, _, err := msgpack.AppendJSON(nil, []byte(text), 0, nil)
		if err != nil {
			t.Fatalf("%.40s: %v", text, err)
		}
		var got, want any
		if err := reference.Unmarshal(b, &got); err != nil {
			t.Fatalf("%.40s: %v", text, err)
		}
		if err := json.Unmarshal([]byte(text), &want); err != nil {
			t.Fatal(err)
		}
		again, err := json.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(again, &got); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%.60s: %v %.60s", text, err, again)
		}
	}
	b, _, err := msgpack.AppendJSON(nil, []byte(`["a","b"]`), 0, func(start int) ([]byte, bool) { return make([]byte, 70_000), start == 5 })
	var got []any
	if err == nil {
		err = reference.Unmarshal(b, &got)
	}
	if err != nil || len(got) != 2 || got[0] != "a" || len(got[1].([]byte)) != 70_000 {
		t.Errorf("%v %.40v", err, got)
	}
}

// What comes of any bytes is JSON, and is the same again after a way there and back.
func FuzzToJSON(f *testing.F) {
	for _, v := range []any{map[string]any{"type": 2, "data": []any{"a", []byte{1}, 1.5, -70000}}, strings.Repeat("x", 40), nil} {
		b, err := reference.Marshal(v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte("\x82\xa1a\xd4\x00\x00\xa1b\xd7\x00\x00\x00\x01\x6e\x7e\xe0\xc0\x00"))
	f.Add([]byte("\xdf\x7f\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		text, err := msgpack.ToJSON(b, limits)
		if err != nil {
			return
		}
		if !json.Valid(text) {
			t.Fatalf("%x becomes %s", b, text)
		}
		packed, end, err := msgpack.AppendJSON(nil, text, 0, nil)
		if err != nil || end != len(text) {
			t.Fatalf("%s: %v", text, err)
		}
		again, err := msgpack.ToJSON(packed, msgpack.Limits{Bytes: 1 << 30})
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		var one, other any
		if json.Unmarshal(text, &one) != nil || json.Unmarshal(again, &other) != nil || !reflect.DeepEqual(one, other) {
			t.Errorf("%s becomes %s", text, again)
		}
	})
}

// The limit holds for the last value, too: JSON writes control characters six times as long.
func TestTheLimitOfBytesHolds(t *testing.T) {
	t.Parallel()
	out, err := msgpack.ToJSON(msgpack.AppendText(nil, string(make([]byte, 1_000_000))), msgpack.Limits{Bytes: 2_000_000})
	if !errors.Is(err, msgpack.ErrTooLong) {
		t.Errorf("%d bytes of JSON, %v", len(out), err)
	}
}
