package tests

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/rawsio"
	"github.com/example/switchyard/internal/siotest"
	"github.com/example/switchyard/internal/testenv"
	"github.com/example/switchyard/usecases/chat"
)

// The programs in examples/emit hold no sockets and are no nodes; clients of a node hear
// what they emit.
func TestEmitFromOutside(t *testing.T) {
	t.Parallel()
	url := testenv.Redis(t)
	p := siotest.Launch(t, url, "live")
	for name, program := range map[string]func(t *testing.T) []string{
		"Go": func(*testing.T) []string { return []string{"go", "run", "."} },
		"Python": func(t *testing.T) []string {
			return []string{testenv.Python(t, "emitting from Python", "redis"), "emit.py"}
		},
		"Node.js": func(t *testing.T) []string {
			const what = "emitting from Node.js"
			testenv.NodeModules(t, what, "../examples/emit")
			return []string{testenv.Node(t, what), "emit.mjs"}
		},
	} {
		t.Run(name, func(t *testing.T) {
			room, user := "lobby "+name, `bot "`+name+`" ü`
			alice := rawsio.Dial(t, p.URL)
			alice.Connect("/chat", `{"user":"alice"}`)
			alice.Call("/chat", "join", quoted(map[string]string{"room": room}))
			alice.Expect("/chat", "member.joined")
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			args := append(program(t), room, user)
			cmd := exec.CommandContext(ctx, args[0], args[1:]...)
			cmd.Dir, cmd.Env = "../examples/emit", append(os.Environ(), "REDIS_URL="+url)
			out, err := cmd.CombinedOutput()
			if err != nil || len(strings.TrimSpace(string(out))) < 36 {
				t.Fatalf("%v, want the event's id: %s", err, out)
			}
			var got chat.Typist
			if heard := alice.Expect("/chat", "user.typing"); json.Unmarshal([]byte(heard), &got) != nil || got != (chat.Typist{Room: room, User: user}) {
				t.Errorf("heard %s", heard)
			}
		})
	}
}

func quoted(v any) string {
	b, _ := json.Marshal(v) // maps of strings
	return string(b)
}

// What strangers add to the lanes, and is no event, harms nobody, and the log says what
// is wrong with it.
func TestEntriesWithMistakesAreRefused(t *testing.T) {
	t.Parallel()
	url := testenv.Redis(t)
	p := siotest.Launch(t, url, "live")
	alice := rawsio.Dial(t, p.URL)
	alice.Connect("/chat", `{"user":"alice"}`)
	rdb := testenv.Client(t, url)
	const id, metadata, payload = "_watermill_message_uuid", "metadata", "payload"
	for _, fields := range [][]any{
		{"hello", "world"},
		{id, "1", metadata, `{"namespace":"/chat"}`, payload, `{}`},
		{id, "2", metadata, "\xdf\xff\xff\xff\xff", payload, `{}`},
		{id, "3", metadata, "\x83\xa9namespace\xa5/chat\xa5event\xa1x\xa5rooms\xa5lobby", payload, `{}`},   // no JSON array
		{id, "4", metadata, "\x82\xa9namespace\xa5/chat\xa8everyone\xa4true", payload, `{}`},               // no name
		{id, "5", metadata, "\x83\xa9namespace\xa5/chat\xa5event\xa1x\xa8everyone\xa4true", payload, `{`},  // no JSON
		{id, "6", metadata, "\x83\xa9namespace\xa5/nope\xa5event\xa1x\xa8everyone\xa4true", payload, `{}`}, // no namespace
	} {
		if err := rdb.XAdd(t.Context(), &redis.XAddArgs{Stream: "evt:{p0}", Values: fields}).Err(); err != nil {
			t.Fatal(err)
		}
	}
	e, err := broker.NewEmitter(t.Context(), rdb)
	if err != nil {
		t.Fatal(err)
	}
	for _, room := range []contract.Room{"r1", "r2"} { // of two lanes, perhaps
		if _, err := e.Emit(t.Context(), chat.Typing.Of(chat.Typist{Room: string(room), User: "bot"}).ToEveryone()); err != nil {
			t.Fatal(err)
		}
		if got := alice.Expect("/chat", "user.typing"); !strings.Contains(got, `"bot"`) {
			t.Errorf("heard %s", got)
		}
	}
	for _, want := range []string{"skipped a malformed entry", "has no _watermill_message_uuid", "skipped an event", "not a JSON array of strings"} {
		testenv.WaitFor(t, 10*time.Second, "the log to say "+want, func() bool {
			return strings.Contains(p.Log(), want)
		})
	}
	if heard := alice.Events(); len(heard) > 0 {
		t.Errorf("heard %v", heard)
	}
}
