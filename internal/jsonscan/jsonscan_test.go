package jsonscan_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/example/switchyard/internal/jsonscan"
)

func TestValue(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("[", jsonscan.MaxDepth) + strings.Repeat("]", jsonscan.MaxDepth)
	for text, want := range map[string]error{
		`{"a":[1,-0.5e+3,true,false,null],"b":{"":"\u00e9\n"}}`: nil,
		`[]`: nil, `{}`: nil, `0`: nil, `"é"`: nil, `[ 1 , 2 ]`: nil, `{ "a" : 1 }`: nil,
		deep:             nil,
		"[" + deep + "]": jsonscan.ErrDepth,
		``:               jsonscan.ErrSyntax, `{`: jsonscan.ErrSyntax, `{"a"}`: jsonscan.ErrSyntax, `{"a":}`: jsonscan.ErrSyntax,
		`{a:1}`: jsonscan.ErrSyntax, `[1,]`: jsonscan.ErrSyntax, `{"a":1,}`: jsonscan.ErrSyntax, `01`: jsonscan.ErrSyntax,
		`1.`: jsonscan.ErrSyntax, `.5`: jsonscan.ErrSyntax, `1e`: jsonscan.ErrSyntax, `-`: jsonscan.ErrSyntax,
		`"\x"`: jsonscan.ErrSyntax, `"\u12g4"`: jsonscan.ErrSyntax, "\"a\nb\"": jsonscan.ErrSyntax, `"open`: jsonscan.ErrSyntax,
		`nul`: jsonscan.ErrSyntax, `True`: jsonscan.ErrSyntax, `[1 2]`: jsonscan.ErrSyntax, `[}`: jsonscan.ErrSyntax,
		"\"\xff\"": jsonscan.ErrUTF8,
	} {
		end, err := jsonscan.Value([]byte(text), 0)
		if err == nil && end != len(text) {
			err = jsonscan.ErrSyntax
		}
		if !errors.Is(err, want) {
			t.Errorf("%.40q: got %v, want %v", text, err, want)
		}
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{`"a b"`: "a b", `"\u00e9\n\"\\"`: "é\n\"\\", `""`: "", `"\ud83d\ude00"`: "😀"} {
		end, plain, err := jsonscan.String([]byte(text), 0)
		if err != nil || end != len(text) {
			t.Fatalf("%s: end %d, %v", text, end, err)
		}
		if got := jsonscan.Text([]byte(text), plain); got != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}

func TestMembers(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("[", jsonscan.MaxDepth) + strings.Repeat("]", jsonscan.MaxDepth)
	for text, want := range map[string]struct {
		members string
		err     error
	}{
		`{}`: {}, `{ }`: {},
		`{ "a" : 1 , "\u0061":[2], "b":{"c":0} }`: {`a=1 a=[2] b={"c":0} `, nil},
		`[]`: {"", jsonscan.ErrSyntax}, ``: {"", jsonscan.ErrSyntax}, `{"a":1,}`: {"a=1 ", jsonscan.ErrSyntax}, `{"a"}`: {"", jsonscan.ErrSyntax},
		`{"a":` + deep + `}`: {"", jsonscan.ErrDepth},
	} {
		var got strings.Builder
		end, err := jsonscan.Members([]byte(text), 0, func(name string, value []byte) { got.WriteString(name + "=" + string(value) + " ") })
		if got.String() != want.members || !errors.Is(err, want.err) || err == nil && end != len(text) {
			t.Errorf("%.40s: got %q, end %d, %v", text, got.String(), end, err)
		}
	}
}

// What the scanner passes, encoding/json decodes, and the other way round but for
// the two things the scanner refuses on purpose.
func FuzzValueAgreesWithEncodingJSON(f *testing.F) {
	for _, s := range []string{`{"a":[1,2.5e3,"\u00e9",null]}`, `[true,false]`, `"x`, `-0`, `1e9`, ` {"a" : "b"} `, "\"\xff\""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		b := []byte(s)
		end, err := jsonscan.Value(b, jsonscan.Space(b, 0))
		got := err == nil && jsonscan.Space(b, end) == len(b)
		want := json.Valid(b)
		if got && !want {
			t.Errorf("%q passes, encoding/json refuses it", s)
		}
		if want && !got && !errors.Is(err, jsonscan.ErrDepth) && utf8.Valid(b) {
			t.Errorf("%q is refused (%v), encoding/json takes it", s, err)
		}
	})
}
