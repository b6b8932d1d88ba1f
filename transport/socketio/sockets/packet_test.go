package sockets

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParsePacket(t *testing.T) {
	t.Parallel()
	raw := func(s ...string) (r []json.RawMessage) {
		for _, v := range s {
			r = append(r, json.RawMessage(v))
		}
		return r
	}
	for text, want := range map[string]packet{
		`2["a"]`:                   {kind: '2', namespace: []byte("/"), id: NoAck, args: raw(`"a"`)},
		`2/chat,["a",1,{"b":[2]}]`: {kind: '2', namespace: []byte("/chat"), id: NoAck, args: raw(`"a"`, `1`, `{"b":[2]}`)},
		`2/chat,12[ "a" , 1 ]`:     {kind: '2', namespace: []byte("/chat"), id: 12, args: raw(`"a"`, `1`)},
		`20[]`:                     {kind: '2', namespace: []byte("/"), id: 0},
		`52-/chat,3["f",{}]`:       {kind: '5', attachments: 2, namespace: []byte("/chat"), id: 3, args: raw(`"f"`, `{}`)},
		`3/chat,999999999999999[]`: {kind: '3', namespace: []byte("/chat"), id: 999999999999999},
	} {
		got, err := parsePacket([]byte(text), 8)
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(packet{})); err != nil || diff != "" {
			t.Errorf("%s: %v %s", text, err, diff)
		}
	}
	for _, text := range []string{`2`, `2/chat`, `2/chat,`, `21`, `2{}`, `2[`, `2[1`, `2[1,]`, `2[]x`, `5["a"]`, `59-["a"]`, `5-["a"]`, `21234567890123456["a"]`} {
		if p, err := parsePacket([]byte(text), 8); err == nil {
			t.Errorf("%s is taken as %+v", text, p)
		}
	}
}

func FuzzParsePacket(f *testing.F) {
	for _, s := range []string{`2["a"]`, `2/chat,12["a",{"b":[2]}]`, `52-/chat,3["f",{}]`, `3/x,1[]`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) == 0 {
			return
		}
		p, err := parsePacket(b, 8)
		if err != nil {
			return
		}
		for _, a := range p.args {
			if !json.Valid(a) {
				t.Errorf("argument %q is no JSON", a)
			}
		}
		if _, err := p.name(""); err == nil && len(p.args) == 0 {
			t.Error("a name without arguments")
		}
	})
}

func TestFrames(t *testing.T) {
	t.Parallel()
	raw := func(texts ...string) (r []json.RawMessage) {
		for _, x := range texts {
			r = append(r, json.RawMessage(x))
		}
		return r
	}
	for want, got := range map[string]frames{
		`42/chat,["a\"b",{"x":1}]`: eventFrames("/chat", `a"b`, raw(`{"x":1}`), nil),
		`42["a"]`:                  eventFrames("/", "a", nil, nil),
		`42["a",1,2]`:              eventFrames("/", "a", raw("1", "2"), nil),
		`437[1]`:                   ackFrames("/", 7, raw("1"), nil),
		`437[]`:                    ackFrames("/", 7, nil, nil),
		`452-/x,["a",{},{}]`:       eventFrames("/x", "a", raw("{}", "{}"), [][]byte{{1}, {2}}),
		`461-/x,7[{}]`:             ackFrames("/x", 7, raw("{}"), [][]byte{{1}}),
	} {
		if text := got[0].String(); text != want {
			t.Errorf("got %s, want %s", text, want)
		}
	}
}

// parsePacket reads a whole packet.
func parsePacket(b []byte, maxAttachments int) (packet, error) {
	p, rest, err := parseHead(b, maxAttachments)
	if err == nil {
		p.args, err = elements(nil, rest)
	}
	return p, err
}
