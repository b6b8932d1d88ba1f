package schema_test

import (
	"context"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/schema"
)

type args struct {
	contract.Args
	A int `json:"a"`
	B int `json:"b,omitempty"`
}

func typeOf(v any) reflect.Type { return reflect.TypeOf(v) }

func TestForRefusesWhatNoDocumentCanExpress(t *testing.T) {
	t.Parallel()
	type node struct {
		Next []node `json:"next"`
	}
	for name, tc := range map[string]struct {
		value any
		want  string
	}{
		"no wire name": {struct{ A int }{}, "A: the field needs its wire name"},
		"unknown tag": {struct {
			A int `json:"a" validate:"x"`
		}{}, `A: unknown tag "validate"; the list is closed: doc, enum,`},
		"word for others": {struct {
			A int `json:"a" minLength:"1"`
		}{}, "A: minLength is for a string"},
		"bad number": {struct {
			A string `json:"a" minLength:"-1"`
		}{}, `A: minLength:"-1" is no whole number from 0`},
		"bad pattern": {struct {
			A string `json:"a" pattern:"("`
		}{}, `A: pattern:"(" error parsing regexp`},
		"bad format": {struct {
			A string `json:"a" format:"ipv9"`
		}{}, `A: format:"ipv9" is not one of date, date-time, email, uri, uuid`},
		"enum twice": {struct {
			A string `json:"a" enum:"x|x"`
		}{}, `A: enum:"x|x" lists "x" twice`},
		"example of another type": {struct {
			A int `json:"a" example:"seven"`
		}{}, `A: example:"seven" must be of type integer`},
		"example against the rules": {struct {
			A []string `json:"a" maxLength:"2" example:"[\"ab\",\"abc\"]"`
		}{}, `A: example:"[\"ab\",\"abc\"]" /1 must have at most 2 character`},
		"json option": {struct {
			A int `json:"a,string"`
		}{}, `A: the json option "string" has no schema`},
		"malformed tag": {reflect.Zero(reflect.StructOf([]reflect.StructField{
			{Name: "A", Type: reflect.TypeFor[string](), Tag: `json:"a" minLength: "1"`},
		})).Interface(), `A: of its tag this cannot be read: minLength: "1"; tags are like`},
		"bytes by another name": {struct {
			A []contextLess `json:"a"`
		}{}, "A: use []byte for what is base64"},
		"function": {struct {
			A func() `json:"a"`
		}{}, "A: JSON has no func"},
		"map key": {struct {
			A map[int]int `json:"a"`
		}{}, "A: a map's key must be a string, not int"},
		"recursion": {node{}, "the type contains itself"},
		"arguments of arguments": {struct {
			A args `json:"a"`
		}{}, "A.Args: embed it first in the type of an input"},
		"arguments that come late": {struct {
			A int `json:"a"`
			contract.Args
		}{}, ".Args: embed it first"},
		"an argument after one that may be missing": {struct {
			contract.Args
			A int `json:"a,omitempty"`
			B int `json:"b"`
		}{}, ".B: it must be there, and comes after A, which may be missing"},
		"own encoding": {struct {
			A contextLike `json:"a"`
		}{}, "A: schema_test.contextLike encodes itself"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := schema.For(typeOf(tc.value))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %s", err, tc.want)
			}
		})
	}
}

type contextLess uint8

type contextLike struct{}

func (contextLike) MarshalText() ([]byte, error) { return nil, nil }

func TestCompileReportsEveryMistakeAtOnce(t *testing.T) {
	t.Parallel()
	ns := contract.Namespace{Name: "/board", Doc: "Boards.", OnConnect: "board.fail", OnDisconnect: "board.gone"}
	attic := contract.Namespace{Name: "/attic", Doc: "Old boards.", OnConnect: "attic.enter"}
	type in struct {
		Name string `json:"name" minlength:"1"`
	}
	type out struct {
		Kind string   `json:"kind"`
		Bad  chan int `json:"bad"`
	}
	type fine struct {
		ID string `json:"id"`
	}
	h := func(context.Context, in) (out, []contract.Effect, error) { return out{}, nil, nil }
	ok := func(context.Context, fine) (fine, []contract.Effect, error) { return fine{}, nil, nil }
	shouty := contract.Event[fine]{Namespace: ns, Name: "Shouted", Doc: "Loud."}
	resync := contract.Event[fine]{Namespace: ns, Name: "resync", Doc: "The service's own."}
	listed, other := contract.Event[fine]{Namespace: ns, Name: "board.listed", Doc: "Listed."}, contract.Event[out]{Namespace: ns, Name: "board.listed", Doc: "Listed, too."}
	kept, lost := contract.Event[fine]{Namespace: ns, Name: "board.kept", Doc: "Kept.", Keep: 1}, contract.Event[fine]{Namespace: ns, Name: "board.lost", Doc: "Lost.", Keep: -1}
	sure := contract.Ask[fine, fine]{Namespace: ns, Name: "sure", Doc: "Sure?", Timeout: -1}
	list := contract.Command[fine, fine]{Namespace: ns, Event: "list", Operation: "board.list", Doc: "List.", Raises: []contract.EventSpec{listed.Spec(), other.Spec()}}.Handle(ok)
	cat := contract.NewCatalog([]contract.Route{
		list, list,
		contract.Command[in, out]{Namespace: ns, Event: "open", Operation: "board.open", Doc: "Open."}.Handle(h),
		contract.Command[fine, fine]{Namespace: ns, Event: "open", Operation: "close", Raises: []contract.EventSpec{shouty.Spec(), resync.Spec()}}.Handle(ok),
		contract.Command[fine, fine]{Namespace: ns, Event: "get", Operation: "board.get", Doc: "Get.", HTTP: contract.HTTP{Method: "FETCH", Path: "/v1/{nothing}"}}.Handle(nil),
		contract.Command[fine, fine]{Namespace: ns, Event: "error", Operation: "board.fail", Doc: "Fail."}.Handle(ok),
		contract.Command[fine, fine]{Namespace: ns, Event: "keep", Operation: "board.keep", Doc: "Keep.", Timeout: -1, HTTP: contract.HTTP{Method: "GET", Path: "v1"},
			Raises: []contract.EventSpec{kept.Spec(), lost.Spec()}, Asks: []contract.AskSpec{sure.Spec()}}.Handle(ok),
		contract.Command[fine, fine]{Namespace: attic, Event: "enter", Operation: "attic.enter", Internal: true, Doc: "Enter."}.Handle(ok),
	})
	_, err := schema.Compile(cat)
	if err == nil {
		t.Fatal("no mistake found")
	}
	want := []string{
		`namespace "/board": OnDisconnect names board.gone, which no use case serves: add the command's Handle to Routes, or correct the name`,
		`command "close": the operation must look like noun.verb`,
		`command "close": it has no Doc`,
		`command "close": the event "open" on /board is taken by command "board.open": rename one of them`,
		`command "board.get": it has no handler: Handle was given nil`,
		`command "board.list": the operation board.list is there twice: leave one of the two out, or rename it`,
		`command "board.list": the event "list" on /board is there twice: leave one of the two out, or rename it`,
		`event "board.listed" on /board: the event name board.listed on /board is there twice: leave one of the two out, or rename it`,
		`command "board.get": the HTTP method must be one of GET, POST`,
		`command "board.get": the HTTP path has {nothing}, which is no field of the input`,
		`event "Shouted" on /board: the name "Shouted" must be lowercase`,
		`event "resync" on /board: the name "resync" is reserved`,
		`command "board.fail": the event name "error" is reserved`,
		`namespace "/board": OnConnect names board.fail, which is not an internal command with a contract.Connecting as input`,
		`namespace "/attic": OnConnect names attic.enter, which is not an internal command with a contract.Connecting as input`,
		`command "board.keep": it raises board.kept, which is kept for each Key, and has no Key`,
		`command "attic.enter": an internal command has no Event, no Guards and no HTTP`,
		`command "board.keep": the HTTP path must look like /v1/rooms/{room}`,
		`command "board.keep": the timeout -1ns is not between 1ms and 24h0m0s`,
		`event "board.lost" on /board: Keep is negative`,
		`question "sure" on /board: the timeout -1ns is not between 1ms and 24h0m0s`,
		`schema_test.in.Name: unknown tag "minlength"; the list is closed: doc, enum, example, format, maxItems, maxLength, `,
		`schema_test.out.Bad: JSON has no chan`,
	}
	for _, w := range want {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("missing: %s", w)
		}
	}
	if t.Failed() {
		t.Log(err)
	}
}

func TestCompileRefusesAnOutputThatLooksLikeAProblem(t *testing.T) {
	t.Parallel()
	type open struct {
		Kind string `json:"kind"`
	}
	type problem struct {
		Kind string `json:"kind" enum:"ok|error"`
	}
	type optional struct {
		Kind string `json:"kind,omitempty" enum:"a|b"`
	}
	type union struct {
		Kind string `json:"kind" enum:"created|found"`
		ID   string `json:"id,omitempty"`
	}
	type arguments struct {
		contract.Args
		First open `json:"first"`
		N     int  `json:"n"`
	}
	type later struct { // of several arguments the first is told from a problem
		contract.Args
		N    int    `json:"n"`
		Kind string `json:"kind"`
	}
	for name, err := range map[string]error{"open": compile[open](), "problem": compile[problem](), "optional": compile[optional](), "arguments": compile[arguments]()} {
		if err == nil || !strings.Contains(err.Error(), `the output's field "kind"`) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	for name, err := range map[string]error{"a declared union": compile[union](), "a later argument": compile[later]()} {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// compile compiles a command with this output.
func compile[Out any]() error {
	ns := contract.Namespace{Name: "/board", Doc: "Boards."}
	_, err := schema.Compile(contract.NewCatalog([]contract.Route{
		contract.Command[contract.None, Out]{Namespace: ns, Event: "open", Operation: "board.open", Doc: "Open."}.
			Handle(func(context.Context, contract.None) (out Out, _ []contract.Effect, err error) { return out, nil, nil }),
	}))
	return err
}

func TestForKeepsFieldOrderAndWords(t *testing.T) {
	t.Parallel()
	s, err := schema.For(typeOf(item{}))
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	want := `{"type":"object","properties":{"name":{"type":"string","minLength":1,"maxLength":5},"price":{"type":"number","minimum":0,"maximum":99.5}},"required":["name","price"],"additionalProperties":false}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
}
