package client

import (
	"bytes"
	"strings"
	"testing"
)

// What encode makes, decode reads; and whatever a server sends, a decoder neither panics
// nor keeps more than it may.
func FuzzDecoder(f *testing.F) {
	for _, s := range []string{
		`42/hall,["x",1]`, `42["x"]`, `43/hall,7[{"a":1}]`, `451-/hall,["x",{"_placeholder":true,"num":0}]`, `461-3[{"_placeholder":true,"num":0}]`,
		`40/hall,{"sid":"s"}`, `44/hall,{"message":"no"}`, `41/hall,`, `41/hall`, "4", "", "459", "42,1,", "42/", `42["x",{"_placeholder":true,"num":9e99}]`,
	} {
		f.Add([]byte(s), []byte("attached"))
	}
	f.Fuzz(func(t *testing.T, text, attached []byte) {
		d := decoder{limit: 1000}
		for _, binary := range []bool{false, true, true, false} {
			data := text
			if binary {
				data = attached
			}
			p, err := d.add(data, binary)
			if err != nil {
				return
			}
			if p == nil {
				continue
			}
			if p.size > d.limit || p.missing != 0 {
				t.Fatalf("took a packet of %d bytes, %d attachments missing", p.size, p.missing)
			}
			if e, err := p.event(); err == nil {
				var v any
				_ = e.Decode(&v)
				round(t, e)
			}
			var v map[string]any
			_ = p.answer(&v)
		}
	})
}

// round sends an event to where it came from.
func round(t *testing.T, e Raw) {
	args := []any{e.Name}
	for _, a := range e.Args {
		args = append(args, a)
	}
	m, err := encode(packetEvent, "/hall", 5, args...)
	if err != nil {
		t.Fatal(err)
	}
	p, err := decode(m.text[1:])
	if err != nil {
		t.Fatalf("%q: %v", m.text, err)
	}
	back, err := p.event()
	if err != nil || back.Name != strings.ToValidUTF8(e.Name, "\ufffd") || len(back.Args) != len(e.Args) || p.id != 5 || p.namespace != "/hall" {
		t.Fatalf("%q became %q: %v", e.Name, m.text, err)
	}
}

func TestAttachmentsOfOtherShapes(t *testing.T) {
	t.Parallel()
	m, err := encode(packetAck, "/", 3, []byte("a"), []byte{})
	if err != nil || string(m.text) != `4`+`62-3[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]` || len(m.attachments) != 2 {
		t.Errorf("%q %v", m.text, err)
	}
	for _, body := range []string{`{"_placeholder":true}`, `{"_placeholder":true,"num":-1}`, `[{"_placeholder":true,"num":2}]`, `{"_placeholder":true,"num":0.5}`} {
		if b, err := inline([]byte(body), [][]byte{{1}, {2}}); err == nil {
			t.Errorf("%s became %s", body, b)
		}
	}
	b, err := inline([]byte(`{"a":[{"_placeholder":true,"num":1}],"b":{"_placeholder":false,"num":0}}`), [][]byte{{1}, {2}})
	if err != nil || !bytes.Equal(b, []byte(`{"a":["Ag=="],"b":{"_placeholder":false,"num":0}}`)) {
		t.Errorf("%s %v", b, err)
	}
}

func TestDelaysGrowAndAreBounded(t *testing.T) {
	t.Parallel()
	r := Reconnection{Jitter: -1}
	for attempt, want := range []float64{1, 2, 4, 5, 5} {
		if got := r.delay(attempt).Seconds(); got != want {
			t.Errorf("attempt %d after %v s", attempt, got)
		}
	}
	r = Reconnection{Delay: 1 << 62, MaxDelay: 1 << 62}
	for attempt := range 100 {
		if r.delay(attempt) <= 0 || (Reconnection{}).delay(attempt).Seconds() > 7.5 {
			t.Errorf("attempt %d", attempt)
		}
	}
}
