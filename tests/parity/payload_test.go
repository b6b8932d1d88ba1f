package parity

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/internal/rawsio"
)

// A picture is binary data and what else there is to it.
type picture struct {
	Name   string            `json:"name" minLength:"1"`
	Data   contract.Binary   `json:"data"`
	Thumbs []contract.Binary `json:"thumbs,omitempty"`
	Plain  []byte            `json:"plain,omitempty"`
}

type square struct {
	X int `json:"x" minimum:"0"`
	Y int `json:"y" minimum:"0"`
}

type move struct {
	contract.Args
	Piece string          `json:"piece" minLength:"1"`
	To    square          `json:"to"`
	Seal  contract.Binary `json:"seal,omitempty"`
	Clock int             `json:"clock,omitempty"`
}

var (
	gallery = contract.Namespace{Name: "/gallery", Doc: "Pictures, and games."}
	hung    = contract.Event[picture]{Namespace: gallery, Name: "hung", Doc: "A picture hangs."}
	moved   = contract.Event[move]{Namespace: gallery, Name: "moved", Doc: "A piece has moved."}
	hang    = contract.Command[picture, picture]{Namespace: gallery, Event: "hang", Operation: "gallery.hang", Doc: "Hang a picture.",
		Raises: []contract.EventSpec{hung.Spec()}, HTTP: contract.HTTP{Method: "POST", Path: "/v1/pictures/{name}"}}
	play = contract.Command[move, move]{Namespace: gallery, Event: "play", Operation: "gallery.play", Doc: "Move a piece.",
		Raises: []contract.EventSpec{moved.Spec()}, HTTP: contract.HTTP{Method: "POST", Path: "/v1/moves"}}
	glue  = contract.Command[contract.None, picture]{Namespace: gallery, Event: "glue", Operation: "gallery.glue", Doc: "Say too much.", Raises: []contract.EventSpec{hung.Spec()}}
	wrong = contract.Command[contract.Other, contract.Other]{Namespace: gallery, Event: contract.AnyOther, Operation: "gallery.other", Doc: "Say what was said."}
)

func openGallery(t *testing.T) (urls []string, here, away *rawsio.Client) {
	t.Helper()
	urls = serve(t, 2, gallerist)
	return urls, join(t, urls[0], "/gallery", ""), join(t, urls[1], "/gallery", "")
}

func gallerist() *contract.Catalog {
	return routes(
		hang.Handle(func(_ context.Context, in picture) (picture, []contract.Effect, error) {
			raw := contract.Raw(gallery, "raw", 1, in.Data, in).ToEveryone()
			return in, []contract.Effect{hung.Of(in).ToEveryone(), hung.Of(in).ToEveryone().As("renamed"), raw}, nil
		}),
		play.Handle(func(_ context.Context, in move) (move, []contract.Effect, error) {
			return in, []contract.Effect{moved.Of(in).ToEveryone()}, nil
		}),
		glue.Handle(func(context.Context, contract.None) (picture, []contract.Effect, error) {
			p := picture{Name: "glue", Data: contract.Binary{}, Thumbs: make([]contract.Binary, contract.MaxBinary)}
			return p, []contract.Effect{hung.Of(p).ToEveryone()}, nil
		}),
		wrong.Handle(func(_ context.Context, in contract.Other) (contract.Other, []contract.Effect, error) {
			return in, nil, nil
		}),
	)()
}

// Binary data that a client sends reaches the handler as bytes, and clients on the other
// node as binary data; over REST it is base64.
func TestBinaryDataAcrossNodes(t *testing.T) {
	t.Parallel()
	urls, here, _ := openGallery(t)
	away := rawsio.Poll(t, urls[1])
	away.Connect("/gallery", "")
	sent := `{"name":"sea","data":{"_placeholder":true,"num":1},"thumbs":[{"_placeholder":true,"num":0},"BQ=="],"plain":{"_placeholder":true,"num":2}}`
	heard := `{"name":"sea","data":"binary AQID","thumbs":["binary BA==","binary BQ=="],"plain":"Bg=="}`
	want(t, here.CallBinary("/gallery", "hang", sent, []byte{4}, []byte{1, 2, 3}, []byte{6}), heard)
	want(t, away.Expect("/gallery", "hung"), heard)
	want(t, away.Expect("/gallery", "renamed"), heard)
	want(t, away.Expect("/gallery", "raw"), `1,"binary AQID",`+heard)

	inJSON := `{"name":"sea","data":"AQID","thumbs":["BA==","BQ=="],"plain":"Bg=="}` // from clients that send base64
	want(t, away.Call("/gallery", "hang", inJSON), heard)
	want(t, here.Expect("/gallery", "hung"), heard)
	want(t, overREST(t, urls[0]+"/v1/pictures/sea", strings.Replace(inJSON, `"name":"sea",`, "", 1)), inJSON)

	want(t, here.CallBinary("/gallery", "other", `1,{"a":{"_placeholder":true,"num":0}}`, []byte{1}), `{"event":"other","args":[1,{"a":"AQ=="}]}`)
	wantFields(t, here.Call("/gallery", "hang", `{"name":"","data":"?"}`), "/name", "/data")
	wantFields(t, here.CallBinary("/gallery", "hang", `{"name":{"_placeholder":true,"num":0},"data":"","x":1}`, nil), "/name", "/x")
	wantCode(t, here.Call("/gallery", "glue", `{}`), fault.Internal)
}

// Several arguments are the fields of one type, both ways, on the other node too.
func TestSeveralArgumentsAcrossNodes(t *testing.T) {
	t.Parallel()
	urls, here, away := openGallery(t)
	want(t, here.CallBinary("/gallery", "play", `"rook",{"x":1,"y":2},{"_placeholder":true,"num":0}`, []byte{1}), `"rook",{"x":1,"y":2},"binary AQ=="`)
	want(t, away.Expect("/gallery", "moved"), `"rook",{"x":1,"y":2},"binary AQ=="`)
	want(t, away.Call("/gallery", "play", `"pawn",{"x":1,"y":3}`), `"pawn",{"x":1,"y":3}`)
	want(t, overREST(t, urls[0]+"/v1/moves", `{"piece":"king","to":{"x":0,"y":0}}`), `{"piece":"king","to":{"x":0,"y":0}}`)

	wantFields(t, here.Call("/gallery", "play", `"",{"x":-1,"y":3,"z":4},"?"`), "/0", "/1/x", "/1/z", "/2")
	wantFields(t, here.Call("/gallery", "play", `"rook"`), "/1")
	wantFields(t, here.Call("/gallery", "play", `{"piece":"rook","to":{"x":1,"y":2}}`), "/0", "/1")
	wantCode(t, here.Call("/gallery", "play", `"rook",{"x":1,"y":2},"",1,1`), fault.Invalid)
	wantCode(t, here.Call("/gallery", "hang", `{"name":"sea","data":""},1`), fault.Invalid)
}

// An argument that is missing keeps its place where clients are, and nowhere else.
func TestAMissingArgumentKeepsItsPlace(t *testing.T) {
	t.Parallel()
	urls, here, away := openGallery(t)
	for said, heard := range map[string]string{
		`"rook",{"x":1,"y":2},null,7`:    `"rook",{"x":1,"y":2},null,7`,
		`"rook",{"x":1,"y":2},null,null`: `"rook",{"x":1,"y":2}`,
		`"rook",{"x":1,"y":2},"AQ==",0`:  `"rook",{"x":1,"y":2},"binary AQ=="`,
	} {
		want(t, here.Call("/gallery", "play", said), heard)
		want(t, away.Expect("/gallery", "moved"), heard)
	}
	const king = `{"piece":"king","to":{"x":0,"y":0},"clock":7}`
	want(t, overREST(t, urls[0]+"/v1/moves", king), king)
	want(t, away.Expect("/gallery", "moved"), `"king",{"x":0,"y":0},null,7`)
	wantCode(t, overREST(t, urls[0]+"/v1/moves", `{"piece":"king","to":{"x":0,"y":0},"seal":null}`), fault.Invalid)
	wantFields(t, here.Call("/gallery", "play", `"rook",null,null,"7"`), "/1", "/3")
}

func wantFields(t *testing.T, answer string, pointers ...string) {
	t.Helper()
	wantCode(t, answer, fault.Invalid)
	var p fault.Problem
	if err := json.Unmarshal([]byte(answer), &p); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range p.Errors {
		got = append(got, f.Pointer)
	}
	if diff := cmp.Diff(pointers, got); diff != "" {
		t.Errorf("%s %s", answer, diff)
	}
}

func overREST(t *testing.T, url, body string) string {
	t.Helper()
	resp, err := http.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
