package engineio

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSplit(t *testing.T) {
	t.Parallel()
	text := func(s string) part { return part{data: []byte(s)} }
	bin := func(s string) part { return part{data: []byte(s), binary: true} }
	long := strings.Repeat("x", 200_000)
	for name, tc := range map[string]struct {
		body         string
		eio3, binary bool
		want         []part
	}{
		"one":             {body: "4a", want: []part{text("4a")}},
		"several":         {body: "4a\x1e3\x1e4b", want: []part{text("4a"), text("3"), text("4b")}},
		"long":            {body: "4" + long + "\x1e4b", want: []part{text("4" + long), text("4b")}},
		"binary":          {body: "4a\x1ebAQIDBA==", want: []part{text("4a"), bin("\x01\x02\x03\x04")}},
		"3: one":          {body: "2:4a", eio3: true, want: []part{text("4a")}},
		"3: several":      {body: "2:4a1:26:4hello", eio3: true, want: []part{text("4a"), text("2"), text("4hello")}},
		"3: beyond ASCII": {body: "3:4éa4:4😀a", eio3: true, want: []part{text("4éa"), text("4😀a")}},
		"3: base64":       {body: "10:b4AQIDBA==", eio3: true, want: []part{bin("\x01\x02\x03\x04")}},
		"3: octets":       {body: "\x00\x02\xff4a\x01\x03\xff\x04\x01\x02", eio3: true, binary: true, want: []part{text("4a"), bin("\x01\x02")}},
	} {
		got, ok := split([]byte(tc.body), tc.eio3, tc.binary)
		if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(part{})); !ok || diff != "" {
			t.Errorf("%s: %v %s", name, ok, diff)
		}
	}
	for name, tc := range map[string]struct {
		body         string
		eio3, binary bool
	}{
		"nothing":            {},
		"empty packets":      {body: "\x1e"},
		"empty last packet":  {body: "4a\x1e"},
		"no base64":          {body: "b!"},
		"3: no length":       {body: ":4a", eio3: true},
		"3: no colon":        {body: "2", eio3: true},
		"3: zero":            {body: "0:", eio3: true},
		"3: negative":        {body: "-1:4", eio3: true},
		"3: too long":        {body: "3:4a", eio3: true},
		"3: huge":            {body: "99999999999999:4a", eio3: true},
		"3: base64 of none":  {body: "1:b", eio3: true},
		"3: octets unended":  {body: "\x00\x02", eio3: true, binary: true},
		"3: octets too long": {body: "\x00\x09\xff4a", eio3: true, binary: true},
		"3: octets no kind":  {body: "\x02\x02\xff4a", eio3: true, binary: true},
		"3: octets no type":  {body: "\x01\x01\xff\x05", eio3: true, binary: true},
	} {
		if got, ok := split([]byte(tc.body), tc.eio3, tc.binary); ok {
			t.Errorf("%s is taken as %v", name, got)
		}
	}
}

// What one side puts together the other takes apart.
func FuzzPayload(f *testing.F) {
	f.Add("hello", []byte{1, 2}, false)
	f.Add("é😀", []byte{}, true)
	f.Fuzz(func(t *testing.T, text string, data []byte, eio3 bool) {
		text = strings.ToValidUTF8(strings.ReplaceAll(text, "\x1e", ""), "?")
		var body []byte
		for _, frame := range []*Frame{Text(text), Binary(data), Text("last")} {
			body = frame.appendPayload(body, eio3)
		}
		got, ok := split(body, eio3, false)
		want := []part{{data: []byte("4" + text)}, {data: data, binary: true}, {data: []byte("4last")}}
		if !ok || len(got) != 3 {
			t.Fatalf("%q: %v %v", body, ok, got)
		}
		for i := range want {
			if string(got[i].data) != string(want[i].data) || got[i].binary != want[i].binary {
				t.Errorf("part %d is %q, want %q", i, got[i].data, want[i].data)
			}
		}
	})
}

// Nothing that a client sends makes split fail in another way than by saying no.
func FuzzSplit(f *testing.F) {
	f.Add([]byte("4a\x1ebAQID"), false, false)
	f.Add([]byte("2:4a"), true, false)
	f.Add([]byte("\x00\x02\xff4a"), true, true)
	f.Fuzz(func(t *testing.T, body []byte, eio3, binary bool) {
		parts, ok := split(body, eio3, binary && eio3)
		total := 0
		for _, p := range parts {
			if !p.binary && len(p.data) == 0 {
				t.Error("an empty packet")
			}
			total += len(p.data)
		}
		if ok && total > len(body) {
			t.Errorf("%d bytes out of %d", total, len(body))
		}
	})
}

func TestFrameHeaders(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 100, 124, 125, 126, 65_534, 65_535, 65_536} {
		f := Text(strings.Repeat("x", n))
		if want := headerSize(n+1) + n + 1; len(f.ws) != want || len(f.payload()) != n+1 {
			t.Errorf("%d bytes make a frame of %d, want %d", n, len(f.ws), want)
		}
	}
}

func TestBinaryOnEachTransport(t *testing.T) {
	t.Parallel()
	f := Binary([]byte{1, 2, 3})
	if got := f.websocket(false, false); string(got) != "\x82\x03\x01\x02\x03" {
		t.Errorf("websocket: %q", got)
	}
	if got := f.websocket(true, false); string(got) != "\x82\x04\x04\x01\x02\x03" {
		t.Errorf("websocket of protocol 3: %q", got)
	}
	encoded := base64.StdEncoding.EncodeToString([]byte{1, 2, 3})
	if got := f.appendPayload(nil, false); string(got) != "b"+encoded {
		t.Errorf("polling: %q", got)
	}
}
