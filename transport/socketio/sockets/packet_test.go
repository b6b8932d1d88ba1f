package sockets

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
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

// Whatever the placeholders are, what comes of them is JSON and has each attachment once.
func FuzzInline(f *testing.F) {
	for _, s := range []string{`["f",{"_placeholder":true,"num":0},[{"a":{"num":1,"_placeholder":true}}]]`, `[{"_placeholder":true,"num":0,"x":{"_placeholder":true,"num":1}},{}]`, `["\u005fplaceholder"]`} {
		f.Add([]byte(s))
	}
	attachments := [][]byte{[]byte("first attachment"), []byte("second attachment")}
	f.Fuzz(func(t *testing.T, b []byte) {
		args, err := elements(nil, b)
		if err != nil || inline(args, attachments) != nil {
			return
		}
		all, err := json.Marshal(args)
		if err != nil {
			t.Fatalf("%s becomes %s", b, args)
		}
		for _, a := range attachments {
			if n := strings.Count(string(all), base64.StdEncoding.EncodeToString(a)); n < 1 {
				t.Errorf("%s becomes %s", b, all)
			}
		}
		if len(all) > len(b)*6+200 {
			t.Errorf("%d bytes become %d", len(b), len(all))
		}
	})
}

func TestFrames(t *testing.T) {
	t.Parallel()
	srv := new(Server)
	several := func(text string, binary ...string) Payload {
		return Payload{JSON: json.RawMessage(text), Spread: true, Binary: binary}
	}
	named := func(text string, full bool) Payload {
		p := several(text, "/b")
		p.Names, p.full = []string{"a", "b", "c", "d"}, full
		return p
	}
	event := func(namespace, name string, p Payload) frames { return srv.eventFrames(namespace, name, NoAck, p) }
	for want, got := range map[string]frames{
		`42/chat,["a\"b",{"x":1}]`: event("/chat", `a"b`, JSON(json.RawMessage(`{"x":1}`))),
		`42["a"]`:                  event("/", "a", several(`[]`)),
		`42["b"]`:                  event("/", "b", several(` { } `)),
		`42["a",1,2]`:              event("/", "a", several(`[1,2]`)),
		`42["a",1,[2],"\""]`:       event("/", "a", several(`{"x":1,"y":[2],"z":"\""}`)),
		`4212["q",1]`:              srv.eventFrames("/", "q", 12, JSON(json.RawMessage("1"))),
		`437[1]`:                   srv.ackFrames("/", 7, JSON(json.RawMessage("1"))),
		`437[]`:                    srv.ackFrames("/", 7, several("[]")),
		`452-/x,["a",{"_placeholder":true,"num":0},{"b":[null,{"_placeholder":true,"num":1},"?"]}] 1 2,3`: event("/x", "a",
			several(`{"y":"AQ==","z":{"b":[null,"AgM=","?"]}}`, "/y", "/z/b/*")),
		`461-/x,7[{"_placeholder":true,"num":0}] 1`: srv.ackFrames("/x", 7, Payload{JSON: json.RawMessage(`"AQ=="`), Binary: []string{""}}),
		`430[1,null,null,2]`:                        srv.ackFrames("/", 0, named(`{"a":1,"d":2}`, false)),
		`431[1]`:                                    srv.ackFrames("/", 1, named(`{"a":1}`, false)),
		`432[]`:                                     srv.ackFrames("/", 2, named(`{}`, false)),
		`433[1,null,null,null]`:                     srv.ackFrames("/", 3, named(` { "a" : 1 } `, true)),
		`434[null,null,null,null]`:                  srv.ackFrames("/", 4, named(`{}`, true)),
		`435[1,null,null,null,9]`:                   srv.ackFrames("/", 5, named(`{"a":1,"z":9}`, true)), // of a later version
		`436[1,2]`:                                  srv.ackFrames("/", 6, Payload{JSON: json.RawMessage("[1,2]"), Spread: true, Names: []string{"a", "b", "c"}}),
		`461-8[null,{"_placeholder":true,"num":0},null,[]] 1`: srv.ackFrames("/", 8, named(`{"b":"AQ==","d":[]}`, false)),
		`43/x,7[null]`: srv.ackFrames("/x", 7, Payload{JSON: json.RawMessage(`null`), Binary: []string{""}}),
	} {
		text := got[0].String()
		for _, f := range got[1:] {
			text += " " + strings.Trim(strings.ReplaceAll(fmt.Sprintf("%d", []byte(f.String())), " ", ","), "[]")
		}
		if text != want {
			t.Errorf("got %s, want %s", text, want)
		}
	}
}

// What operators are shown has the names that arguments have.
func TestArgumentsHaveNames(t *testing.T) {
	t.Parallel()
	p := Payload{JSON: json.RawMessage(`{"a":1,"c":2,"z":3}`), Spread: true, Names: []string{"a", "b", "c", "d"}}
	names, args := p.Args()
	got := fmt.Sprintf("%s %s", names, args)
	p.Names = nil
	names, args = p.Args()
	got += fmt.Sprintf(" %s %s", names, args)
	if want := "[a b c d z] [1 null 2 null 3] [a c z] [1 2 3]"; got != want {
		t.Errorf("got %s, want %s", got, want)
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
