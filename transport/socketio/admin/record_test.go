package admin

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/transport/socketio/sockets"
)

func newTestRecord() *Record { return NewRecord(contract.NewCatalog()) }

// add is Record.add for who does not hold its lock.
func add(r *Record, n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range n {
		r.add("e", i)
	}
}

// Whoever asks in time misses nothing and hears nothing twice, and who asks too late is
// told so.
func TestARecordKeepsTheNewest(t *testing.T) {
	t.Parallel()
	r := newTestRecord()
	entries, next, ok := r.since(0)
	if len(entries) != 0 || next != 0 || !ok {
		t.Errorf("of nothing: %v %d %t", entries, next, ok)
	}
	add(r, kept)
	if entries, next, ok = r.since(0); len(entries) != kept || next != kept || !ok {
		t.Errorf("of all that it keeps: %d %d %t", len(entries), next, ok)
	}
	add(r, 2)
	entries, next, ok = r.since(kept)
	if diff := cmp.Diff([]entry{{"e", json.RawMessage("[0]")}, {"e", json.RawMessage("[1]")}}, entries); diff != "" || next != kept+2 || !ok {
		t.Errorf("of what is new: %d %t %s", next, ok, diff)
	}
	for what, position := range map[string]uint64{"what it has forgotten": 1, "what has not been": kept + 3} {
		if entries, next, ok = r.since(position); ok || entries != nil || next != kept+2 {
			t.Errorf("of %s: %d %d %t", what, len(entries), next, ok)
		}
	}
}

func TestArgumentsAsTheyMayBeShown(t *testing.T) {
	t.Parallel()
	r := newTestRecord()
	for arg, want := range map[string]string{
		`{"room":"lobby","token":"hunter2","deep":[{"api_key":1}]}`: `{"deep":[{"api_key":"[redacted]"}],"room":"lobby","token":"[redacted]"}`,
		`"` + strings.Repeat("x", maxShown) + `"`:                   `"(1026 bytes)"`,
		`{`: `"(1 bytes)"`,
	} {
		if got := string(encoded(r.show("", json.RawMessage(arg)))); got != want {
			t.Errorf("%.60s: %s", arg, got)
		}
	}
	h := r.values(map[string][]string{"Authorization": {"x"}, "Cookie": {"x"}, "X-Auth-Token": {"x"}, "Accept": {"a", "b"}, "Long": {strings.Repeat("x", 1000)}})
	if diff := cmp.Diff(map[string]string{"Accept": "a, b", "Long": strings.Repeat("x", maxName) + "…"}, h); diff != "" {
		t.Error(diff)
	}
	many := map[string][]string{}
	for i := range 1000 {
		many[strings.Repeat("x", i+1)] = nil
	}
	if n := len(r.values(many)); n > maxValues {
		t.Errorf("%d headers", n)
	}
}

// However many arguments a client sends, an entry is small: so many are kept, and told at once.
func TestArgumentsThatAreShownAreBounded(t *testing.T) {
	t.Parallel()
	r := newTestRecord()
	one := json.RawMessage(`"` + strings.Repeat("x", maxShown-2) + `"`)
	r.Received(new(sockets.Socket), sockets.Event{Name: "flood", Args: slices.Repeat([]json.RawMessage{one}, 900)})
	entries, _, _ := r.since(0)
	if n := len(entries[0].Args); n > 20*maxShown || !strings.Contains(string(entries[0].Args), `"(884 more)"`) {
		t.Errorf("an entry of %d bytes", n)
	}
}

func TestActions(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		event, args string
		want        action
		wrong       string
	}{
		{"emit", `["/chat",null,"news",1]`, action{Do: "emit", Namespace: "/chat", Event: "news", Args: []json.RawMessage{[]byte("1")}}, ""},
		{"emit", `["/chat","lobby","news"]`, action{Do: "emit", Namespace: "/chat", Filter: "lobby", Event: "news", Args: []json.RawMessage{}}, ""},
		{"join", `["/chat","vip"]`, action{Do: "join", Namespace: "/chat", Room: "vip"}, ""},
		{"leave", `["/chat","vip","id"]`, action{Do: "leave", Namespace: "/chat", Room: "vip", Filter: "id"}, ""},
		{"_disconnect", `["/chat",true,"id"]`, action{Do: "_disconnect", Namespace: "/chat", Whole: true, Filter: "id"}, ""},
		{"_disconnect", `["/chat"]`, action{Do: "_disconnect", Namespace: "/chat"}, ""},
		{"emit", `["/chat",null,"connect"]`, action{}, "no event that can be sent"},
		{"emit", `["/chat",null]`, action{}, "argument 3 of emit"},
		{"join", `["/chat",{}]`, action{}, "argument 2 of join"},
		{"join", `["/chat","` + strings.Repeat("x", 257) + `"]`, action{}, "argument 2 of join"},
		{"leave", `["chat","vip"]`, action{}, "argument 1 of leave"},
		{"_disconnect", `["/chat",1]`, action{}, "argument 2 of _disconnect"},
		{"_disconnect", `[]`, action{}, "argument 1 of _disconnect"},
		{"connect", `[]`, action{}, "no action"},
	} {
		var args []json.RawMessage
		if err := json.Unmarshal([]byte(tc.args), &args); err != nil {
			t.Fatal(err)
		}
		got, err := parseAction(tc.event, args)
		if tc.wrong != "" {
			if err == nil || !strings.Contains(err.Error(), tc.wrong) {
				t.Errorf("%s %s: %v", tc.event, tc.args, err)
			}
			continue
		}
		if diff := cmp.Diff(tc.want, got); err != nil || diff != "" {
			t.Errorf("%s %s: %v %s", tc.event, tc.args, err, diff)
		}
	}
}
