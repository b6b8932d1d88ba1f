package emitter_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/emitter"
)

type recorder struct{ calls []string }

func (r *recorder) Emit(e emitter.Emission) (int, error) {
	if !json.Valid(e.Payload) {
		return 0, errors.New("no JSON")
	}
	call := fmt.Sprintf("emit %s %s %s %+v %t", e.Namespace, e.Event, e.Payload, e.To, e.Volatile)
	if e.Spread {
		call += fmt.Sprint(e.Arguments)
	}
	r.calls = append(r.calls, call)
	return 1, nil
}

func (r *recorder) Move(namespace string, who emitter.Audience, rooms []string, leave bool) {
	r.calls = append(r.calls, fmt.Sprint("move ", namespace, who.Users, who.Sockets, who.Rooms, rooms, leave))
}

func (r *recorder) Disconnect(namespace string, who emitter.Audience, reason string) {
	r.calls = append(r.calls, fmt.Sprint("disconnect ", namespace, who.Users, who.Sockets, reason))
}

func (r *recorder) Resync(reason string) { r.calls = append(r.calls, "resync "+reason) }

func TestMissed(t *testing.T) {
	t.Parallel()
	var r recorder
	emitter.New(&r, broker.Config{Node: "here"}).Missed("gap")
	if diff := cmp.Diff([]string{"resync gap"}, r.calls); diff != "" {
		t.Error(diff)
	}
}

func TestHandle(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		event broker.Event
		want  string
	}{
		"event": {
			broker.Event{Namespace: "/a", Name: "e", Rooms: `["x"]`, Except: "s", Payload: []byte(`{"n":1}`)},
			`emit /a e {"n":1} {Everyone:false Rooms:[x] Users:[] Sockets:[] Except:[s]} false`,
		},
		"everyone": {
			broker.Event{Namespace: "/a", Name: "e", Everyone: true, Volatile: true, Payload: []byte("1")},
			`emit /a e 1 {Everyone:true Rooms:[] Users:[] Sockets:[] Except:[]} true`,
		},
		"arguments": {
			broker.Event{Namespace: "/a", Name: "e", Everyone: true, Spread: true, Arguments: `["a","b","c"]`, Payload: []byte(`{"a":1,"c":2}`)},
			`emit /a e {"a":1,"c":2} {Everyone:true Rooms:[] Users:[] Sockets:[] Except:[]} false[a b c]`,
		},
		"many": {
			broker.Event{Namespace: "/a", Name: "e", Rooms: `["a\"b","c"]`, Users: `["u"]`, Sockets: `["s"]`, Payload: []byte("1")},
			`emit /a e 1 {Everyone:false Rooms:[a"b c] Users:[u] Sockets:[s] Except:[]} false`,
		},
		"join":       {broker.Event{Namespace: "/a", Action: "join", Users: `["u"]`, Rooms: `["x"]`}, `move /a[u] [] [] [x] false`},
		"leave":      {broker.Event{Namespace: "/a", Action: "leave", Users: `["u"]`, Rooms: `["x"]`}, `move /a[u] [] [] [x] true`},
		"socket":     {broker.Event{Namespace: "/a", Action: "leave", Sockets: `["s"]`, Rooms: `["x"]`}, `move /a[] [s] [] [x] true`},
		"close":      {broker.Event{Namespace: "/a", Action: "close", Rooms: `["x"]`}, `move /a[] [] [x] [x] true`},
		"disconnect": {broker.Event{Namespace: "/a", Action: "disconnect", Sockets: `["s"]`, Reason: "r"}, `disconnect /a[] [s]r`},
		"user gone":  {broker.Event{Namespace: "/a", Action: "disconnect", Users: `["u"]`, Reason: "r"}, `disconnect /a[u] []r`},

		"no namespace":   {broker.Event{Name: "e"}, "error: message id names no namespace"},
		"no JSON":        {broker.Event{Namespace: "/a", Name: "e", Everyone: true, Payload: []byte("{")}, "error: message id is no event: no JSON"},
		"no name":        {broker.Event{Namespace: "/a"}, "error: message id is no event"},
		"bad arguments":  {broker.Event{Namespace: "/a", Name: "e", Arguments: "x"}, "error: message id: arguments: not a JSON array of strings"},
		"bad list":       {broker.Event{Namespace: "/a", Name: "e", Rooms: "x"}, "error: message id: rooms: not a JSON array of strings"},
		"unknown action": {broker.Event{Namespace: "/a", Action: "explode"}, `error: message id asks for "explode"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tc.event.ID = "id"
			var r recorder
			if err := emitter.New(&r, broker.Config{Node: "here"}).Handle(&tc.event); err != nil {
				r.calls = append(r.calls, "error: "+err.Error())
			}
			if got := strings.Join(r.calls, "\n"); !strings.HasPrefix(got, tc.want) || len(r.calls) != 1 {
				t.Error(cmp.Diff(tc.want, got))
			}
		})
	}
}
