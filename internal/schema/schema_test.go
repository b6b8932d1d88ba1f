package schema_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/internal/schema"
)

type item struct {
	Name  string  `json:"name" minLength:"1" maxLength:"5"`
	Price float64 `json:"price" minimum:"0" maximum:"99.5"`
}

type order struct {
	ID     string         `json:"id" format:"uuid"`
	Kind   string         `json:"kind" enum:"new|used" doc:"What it is."`
	Code   string         `json:"code,omitempty" pattern:"^[A-Z]{2}$"`
	Count  int            `json:"count" minimum:"1"`
	Small  int8           `json:"small,omitempty"`
	Ratio  float32        `json:"ratio,omitempty"`
	Items  []item         `json:"items" minItems:"1" maxItems:"2"`
	Tags   []string       `json:"tags,omitempty" maxLength:"3" maxItems:"4"`
	At     time.Time      `json:"at,omitzero"`
	Note   *string        `json:"note,omitempty"`
	Extra  map[string]int `json:"extra,omitempty"`
	Raw    []byte         `json:"raw,omitempty"`
	Open   bool           `json:"open,omitempty"`
	Hidden string         `json:"-"`
	Free   any            `json:"free,omitempty"`
	Level  *string        `json:"level,omitempty" enum:"low|high"`
}

const good = `{"id":"0b9e7c2e-0000-7000-8000-000000000001","kind":"new","count":1,"items":[{"name":"a","price":1.5}]}`

func validator(t testing.TB, v any) *schema.Validator {
	t.Helper()
	s, err := schema.For(typeOf(v))
	if err != nil {
		t.Fatal(err)
	}
	val, err := schema.NewValidator(s)
	if err != nil {
		t.Fatal(err)
	}
	return val
}

// with returns the good order with one member replaced or added.
func with(name, value string) string {
	var m map[string]json.RawMessage
	if err := json.Unmarshal([]byte(good), &m); err != nil {
		panic(err)
	}
	m[name] = json.RawMessage(value)
	b, err := json.Marshal(m)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func TestValidate(t *testing.T) {
	t.Parallel()
	v := validator(t, order{})
	for name, tc := range map[string]struct {
		text string
		want []fault.Field
	}{
		"good":             {good, nil},
		"spaces":           {" { \"id\" : \"0b9e7c2e-0000-7000-8000-000000000001\", \"kind\":\"new\",\n\"count\":1,\"items\":[ {\"name\":\"a\" , \"price\":1} ] } ", nil},
		"escaped key":      {strings.Replace(good, `"count"`, `"co\u0075nt"`, 1), nil},
		"no JSON":          {`{"id":`, []fault.Field{{Detail: "not valid JSON"}}},
		"more than one":    {good + `{}`, []fault.Field{{Detail: "not valid JSON"}}},
		"not UTF-8":        {with("note", "\"\xff\""), []fault.Field{{Detail: "not valid UTF-8"}}},
		"too deep":         {with("free", strings.Repeat("[", 99)+strings.Repeat("]", 99)), []fault.Field{{Detail: "nested too deeply"}}},
		"not an object":    {`[]`, []fault.Field{{Detail: "must be of type object"}}},
		"null":             {`null`, []fault.Field{{Detail: "must be of type object"}}},
		"unknown field":    {with("price", `{"x":[1]}`), []fault.Field{{Pointer: "/price", Detail: "is not part of the contract"}}},
		"case counts":      {with("COUNT", `1`), []fault.Field{{Pointer: "/COUNT", Detail: "is not part of the contract"}}},
		"given twice":      {strings.Replace(good, `"count":1`, `"count":1,"count":2`, 1), []fault.Field{{Pointer: "/count", Detail: "is given twice"}}},
		"pointer escapes":  {with("a/b~c", `1`), []fault.Field{{Pointer: "/a~1b~0c", Detail: "is not part of the contract"}}},
		"wrong type":       {with("count", `"1"`), []fault.Field{{Pointer: "/count", Detail: "must be of type integer"}}},
		"fraction":         {with("count", `1.0`), []fault.Field{{Pointer: "/count", Detail: "must be a whole number, without fraction or exponent"}}},
		"beyond exact":     {with("count", `9007199254740993`), []fault.Field{{Pointer: "/count", Detail: "must be between -9007199254740991 and 9007199254740991"}}},
		"sized integer":    {with("small", `128`), []fault.Field{{Pointer: "/small", Detail: "must be at most 127"}}},
		"sized float":      {with("ratio", `1e39`), []fault.Field{{Pointer: "/ratio", Detail: "must be at most 3.4028234663852886e+38"}}},
		"infinite":         {with("ratio", `1e999`), []fault.Field{{Pointer: "/ratio", Detail: "is out of range"}}},
		"minimum":          {with("count", `0`), []fault.Field{{Pointer: "/count", Detail: "must be at least 1"}}},
		"enum":             {with("kind", `"old"`), []fault.Field{{Pointer: "/kind", Detail: "must be one of new, used"}}},
		"pattern":          {with("code", `"a1"`), []fault.Field{{Pointer: "/code", Detail: "must match the pattern ^[A-Z]{2}$"}}},
		"format":           {with("id", `"x"`), []fault.Field{{Pointer: "/id", Detail: "must be a valid uuid"}}},
		"time":             {with("at", `"2026-02-30T00:00:00Z"`), []fault.Field{{Pointer: "/at", Detail: "must be a valid date-time"}}},
		"good time":        {with("at", `"2026-02-28T00:00:00.25+01:00"`), nil},
		"base64":           {with("raw", `"a"`), []fault.Field{{Pointer: "/raw", Detail: "must be a valid base64"}}},
		"nullable":         {with("note", `null`), nil},
		"nullable enum":    {with("level", `null`), nil},
		"no such value":    {with("level", `"new"`), []fault.Field{{Pointer: "/level", Detail: "must be one of low, high"}}},
		"not nullable":     {with("tags", `null`), []fault.Field{{Pointer: "/tags", Detail: "must be of type array"}}},
		"map values":       {with("extra", `{"a":1,"b":"2"}`), []fault.Field{{Pointer: "/extra/b", Detail: "must be of type integer"}}},
		"anything":         {with("free", `{"a":[null,{"b":1}]}`), nil},
		"items":            {with("items", `[]`), []fault.Field{{Pointer: "/items", Detail: "must have at least 1 item"}}},
		"words for items":  {with("tags", `["abc","abcd"]`), []fault.Field{{Pointer: "/tags/1", Detail: "must have at most 3 characters"}}},
		"characters count": {with("items", `[{"name":"ééééé","price":1}]`), nil},
		"empty is not missing": {with("items", `[{"name":"","price":1}]`),
			[]fault.Field{{Pointer: "/items/0/name", Detail: "must have at least 1 character"}}},
		"all at once": {`{"kind":"x","count":0,"items":[{"name":"abcdef"}],"x":1}`, []fault.Field{
			{Pointer: "/kind", Detail: "must be one of new, used"},
			{Pointer: "/count", Detail: "must be at least 1"},
			{Pointer: "/items/0/name", Detail: "must have at most 5 characters"},
			{Pointer: "/items/0/price", Detail: "is required"},
			{Pointer: "/x", Detail: "is not part of the contract"},
			{Pointer: "/id", Detail: "is required"},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tc.want, v.Validate([]byte(tc.text))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestMistakesAreBounded(t *testing.T) {
	t.Parallel()
	v := validator(t, order{})
	var b strings.Builder
	b.WriteString(`{"` + strings.Repeat("k", 1000) + `":0`)
	for i := range 100_000 {
		b.WriteString(`,"x` + strings.Repeat("0", i%7) + `":0`)
	}
	b.WriteString(`}`)
	got := v.Validate([]byte(b.String()))
	if len(got) != 32 || len(got[0].Pointer) > 70 {
		t.Errorf("%d mistakes, the first pointer has %d bytes", len(got), len(got[0].Pointer))
	}
}

func TestPointersAreBounded(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("k", 1000)
	v := validator(t, struct {
		Map map[string]int `json:"map"`
	}{})
	got := v.Validate([]byte(`{"map":{"` + long + `":""}}`))
	want := []fault.Field{{Pointer: "/map/" + long[:64], Detail: "must be of type integer"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for name, tc := range map[string]struct {
		path []string
		want string
	}{
		"escapes":         {[]string{"a/b", "c~d"}, "/a~1b/c~0d"},
		"not UTF-8":       {[]string{"a\xffb"}, "/ab"},
		"cut in a letter": {[]string{"x" + strings.Repeat("é", 63), "é"}, "/x" + strings.Repeat("é", 31) + "/é"},
		"deep":            {strings.Split(strings.Repeat("/"+long, 64)[1:], "/"), strings.Repeat("/"+long[:64], 7)},
	} {
		if got := schema.Pointer(tc.path...); got != tc.want {
			t.Errorf("%s: got %q, want %q", name, got, tc.want)
		}
	}
}

// What the validator passes must decode, and jsonschema-go must agree with it:
// ours is stricter only where Go's types are (whole numbers, exact integers).
func TestValidatorAgreesWithDecoderAndReference(t *testing.T) {
	t.Parallel()
	v := validator(t, order{})
	reference, err := v.Schema.Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	values := rapid.SampledFrom([]string{`null`, `true`, `0`, `1`, `-1`, `127`, `128`, `2.5`, `100`, `1e3`, `""`, `"a"`, `"new"`, `"AB"`, `"abcdef"`,
		`"2026-02-28T00:00:00Z"`, `"QQ=="`, `[]`, `["a"]`, `["abcd",1]`, `[{"name":"a","price":1}]`, `[{"name":"","price":-1}]`, `{}`, `{"a":1}`, `{"name":"x"}`,
		`"0b9e7c2e-0000-7000-8000-000000000002"`})
	names := rapid.SampledFrom([]string{"id", "kind", "code", "count", "small", "ratio", "items", "tags", "note", "extra", "open", "free", "level", "unknown"})
	rapid.Check(t, func(t *rapid.T) {
		text := with(names.Draw(t, "name"), values.Draw(t, "value"))
		ours := v.Validate([]byte(text)) == nil
		var instance any
		if err := json.Unmarshal([]byte(text), &instance); err != nil {
			t.Fatal(err)
		}
		theirs := reference.Validate(instance) == nil
		var o order
		decodes := json.Unmarshal([]byte(text), &o) == nil
		switch {
		case ours && !decodes:
			t.Fatalf("%s passes and does not decode", text)
		case ours && !theirs:
			t.Fatalf("%s passes, the reference refuses it", text)
		case !ours && theirs && decodes && !strings.Contains(text, `"code":"`) && !strings.Contains(text, `"id":"`):
			t.Fatalf("%s is refused: %v", text, v.Validate([]byte(text)))
		}
	})
}

func BenchmarkValidate(b *testing.B) {
	v := validator(b, struct {
		Room string `json:"room" minLength:"1" maxLength:"64"`
		Text string `json:"text" minLength:"1" maxLength:"4000"`
	}{})
	text := []byte(`{"room":"lobby","text":"` + strings.Repeat("hello ", 16) + `"}`)
	b.ReportAllocs()
	for b.Loop() {
		if v.Validate(text) != nil {
			b.Fatal("refused")
		}
	}
}
