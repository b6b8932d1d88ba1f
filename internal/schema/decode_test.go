package schema_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/internal/schema"
)

type embedded struct {
	E int32 `json:"e,omitempty"`
}

type octet uint8

type thing struct {
	A string   `json:"a,omitempty"`
	B []thing2 `json:"b,omitempty"`
	C bool     `json:"c,omitempty"`
}

type thing2 struct {
	D *uint16 `json:"d"`
}

// everything has a field of each kind that a schema can express.
type everything struct {
	embedded
	Any    any                       `json:"any,omitempty"`
	Raw    json.RawMessage           `json:"raw,omitempty"`
	Free   map[string]any            `json:"free,omitempty"`
	Bool   *bool                     `json:"bool,omitempty"`
	I8     int8                      `json:"i8,omitempty"`
	I16    int16                     `json:"i16,omitempty" minimum:"0"`
	I64    int64                     `json:"i64,omitempty" maximum:"1e300"`
	U8     uint8                     `json:"u8,omitempty"`
	U      uint                      `json:"u,omitempty"`
	U64    *uint64                   `json:"u64,omitempty"`
	F32    float32                   `json:"f32,omitempty"`
	F64    float64                   `json:"f64,omitempty"`
	Text   string                    `json:"text,omitempty" maxLength:"9"`
	Bytes  []byte                    `json:"bytes,omitempty"`
	At     time.Time                 `json:"at,omitzero"`
	When   string                    `json:"when,omitempty" format:"date-time"`
	Pair   [2]int                    `json:"pair,omitempty"`
	Lists  [][]uint16                `json:"lists,omitempty"`
	Maps   map[string]map[string]int `json:"maps,omitempty"`
	Struct *struct {
		X float32 `json:"x,omitempty"`
	} `json:"struct,omitempty"`
	Words  []string         `json:"words,omitempty" maxLength:"9"`
	Things []*thing         `json:"things,omitempty" maxItems:"3"`
	Named  map[string]thing `json:"named,omitempty"`
	Maybe  *string          `json:"maybe,omitempty" enum:"a|b"`
	Twice  **int            `json:"twice,omitempty"`
	Octets [2]octet         `json:"octets,omitempty"`
	MayBe  *[]thing         `json:"may_be,omitempty"`
	Nested struct{ thing }  `json:"nested,omitzero"`
	Floats []float32        `json:"floats,omitempty" minimum:"-1e6"`
}

// decodeSeeds are texts that differ, or differed, in what the two make of them.
var decodeSeeds = []string{
	`{"any":1e400}`, `{"any":[{"a":-1e999}]}`, `{"raw":1e999}`, `{"free":{"a":{"b":[1e400]}}}`, `{"any":{"a":1,"a":2}}`,
	`{"u":-0}`, `{"u8":-0}`, `{"u64":-0}`, `{"lists":[[-0]]}`, `{"i16":-0}`, `{"i8":-0}`, `{"f32":-0}`, `{"any":-0}`,
	`{"i8":128}`, `{"i8":1e0}`, `{"i64":9007199254740992}`, `{"u64":18446744073709551616}`, `{"i16":32768}`, `{"e":2147483648}`,
	`{"f32":3.4028235677973366e+38}`, `{"struct":{"x":1e39}}`, `{"f64":1.7976931348623159e308}`, `{"f64":1e-400}`,
	`{"at":"2020-01-01T00:00:00\u005a"}`, `{"when":"2020-01-01T00:00:00\u005a"}`, `{"at":"2020-01-01T00:00:00,5Z"}`, `{"at":"2020-01-01T24:00:00Z"}`,
	`{"bytes":"aGk=\n"}`, `{"bytes":"aGk"}`, `{"bytes":"aG\u006b="}`, `{"bytes":null}`, `{"pair":[1]}`, `{"pair":[1,2,3]}`,
	`{"bool":null,"u64":null,"struct":null}`, `{"maps":{"a":{"b":1},"\ud800":{}}}`, `{"text":"\u0000\ud83d\ude00"}`, `{"I8":1}`, "\ufeff{}", `null`,
	`{"words":["a","\u0062",""],"things":[{"a":"x","b":[{"d":1},{"d":null}]},null,{"c":true}],"named":{"x":{"a":"y"}}}`,
	`{"words":[],"things":[],"maybe":"a","twice":3,"octets":[1,2],"may_be":[{"a":"q"}],"nested":{"a":"n","b":[]}}`,
	`{"maybe":null,"twice":null,"may_be":null,"bool":true,"u64":7,"struct":{"x":-0}}`, `{"maybe":`, `{"things":[{"b":[{"d":65536}]}]}`,
	`{"floats":[16777217,-16777217,0.1,1e-50,123456789012345,-0],"f32":16777217,"f64":-12,"i8":-128,"i16":0,"i64":-9007199254740991,"e":-1}`, `{"words":["a",1]}`,
}

// What passes is decoded as encoding/json does it, and the check finds the same with and
// without decoding.
func FuzzDecodesAsEncodingJSON(f *testing.F) {
	plain := validator(f, everything{})
	v, err := schema.NewDecoder(plain.Schema, typeOf(everything{}))
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range decodeSeeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var got, want everything
		err := v.Decode([]byte(text), &got)
		var invalid *fault.Fault
		if errors.As(err, &invalid) != (err != nil) {
			t.Fatalf("%q: %v is no fault", text, err)
		}
		var mistakes []fault.Field
		if invalid != nil {
			mistakes = invalid.Fields
		}
		if diff := cmp.Diff(plain.Validate([]byte(text)), mistakes); diff != "" {
			t.Fatalf("%q: %s", text, diff)
		}
		wrong := json.Unmarshal([]byte(text), &want)
		if err == nil && (wrong != nil || !reflect.DeepEqual(got, want)) {
			t.Errorf("%q is decoded as %+v, not as %+v (%v)", text, got, want, wrong)
		}
		var lenient everything
		if err := v.DecodeAny([]byte(text), &lenient); (err == nil) != (wrong == nil) || err == nil && !reflect.DeepEqual(lenient, want) {
			t.Errorf("%q is decoded as %+v, not as %+v (%v, %v)", text, lenient, want, err, wrong)
		}
	})
}

// What the validator passes decodes into the Go type.
func FuzzWhatPassesDecodes(f *testing.F) {
	v := validator(f, everything{})
	for _, s := range decodeSeeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var x everything
		if err := json.Unmarshal([]byte(text), &x); err != nil && v.Validate([]byte(text)) == nil {
			t.Errorf("%q passes and does not decode: %v", text, err)
		}
	})
}

func TestWhatDoesNotDecodeIsReported(t *testing.T) {
	t.Parallel()
	v := validator(t, everything{})
	for text, want := range map[string]fault.Field{
		`{"any":1e400}`:                      {Pointer: "/any", Detail: "is out of range"},
		`{"free":{"a":[0,{"b":1e400}]}}`:     {Pointer: "/free/a/1/b", Detail: "is out of range"},
		`{"raw":{"a":-1e400}}`:               {Pointer: "/raw/a", Detail: "is out of range"},
		`{"any":{"a":1,"a":2}}`:              {Pointer: "/any/a", Detail: "is given twice"},
		`{"u":-0}`:                           {Pointer: "/u", Detail: "must be at least 0"},
		`{"at":"2020-01-01T00:00:00\u005a"}`: {Pointer: "/at", Detail: "must be a valid date-time"},
	} {
		if diff := cmp.Diff([]fault.Field{want}, v.Validate([]byte(text))); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
	for _, text := range []string{`{"any":-0}`, `{"i8":-0}`, `{"f64":-0}`, `{"any":[1e300,null,true,"x",{"a":[]}]}`, `{"at":"2020-01-01T00:00:00Z"}`} {
		if got := v.Validate([]byte(text)); got != nil {
			t.Errorf("%s: %v", text, got)
		}
	}
}

type decodesItself struct {
	A int `json:"a"`
}

func (*decodesItself) UnmarshalJSON([]byte) error { return nil }

type keyDecodesItself string

func (*keyDecodesItself) UnmarshalText([]byte) error { return nil }

func TestForRefusesWhatDecodesOtherwise(t *testing.T) {
	t.Parallel()
	type other struct {
		X int `json:"a"`
	}
	for want, value := range map[string]any{
		"A: schema_test.decodesItself encodes itself": struct {
			A decodesItself `json:"a"`
		}{},
		"A: big.Int encodes itself": struct {
			A big.Int `json:"a"`
		}{},
		"A: json.Number encodes itself": struct {
			A json.Number `json:"a"`
		}{},
		"A: schema_test.keyDecodesItself encodes itself": struct {
			A map[keyDecodesItself]int `json:"a"`
		}{},
		"A: nothing decodes into fmt.Stringer": struct {
			A fmt.Stringer `json:"a"`
		}{},
		"embedded: embed a struct by value": struct{ *embedded }{},
		"other: embed a struct by value": struct {
			other `json:"other"`
		}{},
		`X: the wire name "a" is taken`: struct {
			A string `json:"a"`
			other
		}{},
		`A: minimum:"-1" is below 0`: struct {
			A uint `json:"a" minimum:"-1"`
		}{},
		`A: maximum:"128" is above 127`: struct {
			A []int8 `json:"a" maximum:"128"`
		}{},
		`A: minimum:"NaN" is no number`: struct {
			A int `json:"a" minimum:"NaN"`
		}{},
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			if _, err := schema.For(typeOf(value)); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v", err)
			}
		})
	}
}
