package emitter_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/go-cmp/cmp"

	"github.com/example/switchyard/internal/emitter"
)

type recorder struct{ calls []string }

func (r *recorder) Emit(e emitter.Emission) {
	r.calls = append(r.calls, fmt.Sprintf("emit %s %s %s %+v %t", e.Namespace, e.Event, e.Payload, e.To, e.Volatile))
}

func (r *recorder) Move(namespace string, users, rooms []string, leave bool) {
	r.calls = append(r.calls, fmt.Sprint("move ", namespace, users, rooms, leave))
}

func (r *recorder) Disconnect(namespace string, sockets []string, reason string) {
	r.calls = append(r.calls, fmt.Sprint("disconnect ", namespace, sockets, reason))
}

func (r *recorder) Resync(reason string) { r.calls = append(r.calls, "resync "+reason) }

func TestMissed(t *testing.T) {
	t.Parallel()
	var r recorder
	emitter.New(&r).Missed("gap")
	if diff := cmp.Diff([]string{"resync gap"}, r.calls); diff != "" {
		t.Error(diff)
	}
}

func TestHandle(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		metadata      message.Metadata
		payload, want string
	}{
		"event": {
			message.Metadata{"namespace": "/a", "event": "e", "rooms": `["x"]`, "except": "s"}, `{"n":1}`,
			`emit /a e {"n":1} {Everyone:false Rooms:[x] Users:[] Sockets:[] Except:s} false`,
		},
		"everyone": {
			message.Metadata{"namespace": "/a", "event": "e", "everyone": "true", "volatile": "true"}, `1`,
			`emit /a e 1 {Everyone:true Rooms:[] Users:[] Sockets:[] Except:} true`,
		},
		"many": {
			message.Metadata{"namespace": "/a", "event": "e", "rooms": `["a\"b","c"]`, "users": `["u"]`, "sockets": `["s"]`}, `1`,
			`emit /a e 1 {Everyone:false Rooms:[a"b c] Users:[u] Sockets:[s] Except:} false`,
		},
		"join":       {message.Metadata{"namespace": "/a", "action": "join", "users": `["u"]`, "rooms": `["x"]`}, ``, `move /a[u] [x] false`},
		"leave":      {message.Metadata{"namespace": "/a", "action": "leave", "users": `["u"]`, "rooms": `["x"]`}, ``, `move /a[u] [x] true`},
		"disconnect": {message.Metadata{"namespace": "/a", "action": "disconnect", "sockets": `["s"]`, "reason": "r"}, ``, `disconnect /a[s]r`},

		"no namespace":   {message.Metadata{"event": "e"}, `1`, "error: message id names no namespace"},
		"no name":        {message.Metadata{"namespace": "/a"}, `1`, "error: message id is no event"},
		"no JSON":        {message.Metadata{"namespace": "/a", "event": "e", "everyone": "true"}, `{`, "error: message id is no event"},
		"bad list":       {message.Metadata{"namespace": "/a", "event": "e", "rooms": `x`}, `1`, "error: message id: rooms: not a JSON array of strings"},
		"unknown action": {message.Metadata{"namespace": "/a", "action": "explode"}, ``, `error: message id asks for "explode"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := message.NewMessage("id", []byte(tc.payload))
			m.Metadata = tc.metadata
			var r recorder
			if err := emitter.New(&r).Handle(m); err != nil {
				r.calls = append(r.calls, "error: "+err.Error())
			}
			if got := strings.Join(r.calls, "\n"); !strings.HasPrefix(got, tc.want) || len(r.calls) != 1 {
				t.Error(cmp.Diff(tc.want, got))
			}
		})
	}
}
