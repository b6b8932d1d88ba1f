package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill-redisstream/pkg/redisstream"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/testenv"
)

// lanes is a Redis with two partitions: one with a backlog and an owner, one with dead
// letters.
func lanes(t *testing.T) (url string, rdb *redis.Client) {
	t.Helper()
	url = testenv.Embedded(t)
	rdb = testenv.Client(t, url)
	ctx, now := t.Context(), time.Now().UnixMilli()
	for _, err := range []error{
		rdb.Set(ctx, "partitions", 2, 0).Err(),
		rdb.HSet(ctx, "own:{p0}", "node", "one", "boot", "one.ab", "epoch", 3, "until", now+60_000).Err(),
		rdb.HSet(ctx, "own:{p1}", "node", "gone", "boot", "gone.cd", "epoch", 1, "until", 1).Err(),
		rdb.ZAdd(ctx, "workers", redis.Z{Score: float64(now), Member: "one.ab"}).Err(),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	add(t, rdb, "cmd:{p0}", fmt.Sprint(now-60_000, "-0"), "c1", `{"a":1}`, "operation", "chat.message", "user", "alice")
	add(t, rdb, "dlq:{p1}", "1000-0", "d1", `{"b":"\u001b[2J"}`, "operation", "chat.message", "key", "k", "reply_to", "g", "timeout_ms", "100",
		"_dead_origin", "cmd:{p1}", "_dead_entry", "999-0", "_dead_reason", "the disk\nis full", "_dead_attempts", "1")
	add(t, rdb, "dlq:{p1}", "2000-0", "1500-0", `[["a","1"]]`,
		"_dead_origin", "cmd:{p1}", "_dead_entry", "1500-0", "_dead_reason", "entry 1500-0 has no uuid", "_dead_attempts", "1")
	return url, rdb
}

func add(t *testing.T, rdb *redis.Client, stream, id, uuid, payload string, metadata ...string) {
	t.Helper()
	m := message.NewMessage(uuid, []byte(payload))
	for i := 0; i < len(metadata); i += 2 {
		m.Metadata[metadata[i]] = metadata[i+1]
	}
	values, err := redisstream.DefaultMarshallerUnmarshaller{}.Marshal("", m)
	if err != nil {
		t.Fatal(err)
	}
	if err := rdb.XAdd(t.Context(), &redis.XAddArgs{Stream: stream, ID: id, Values: values}).Err(); err != nil {
		t.Fatal(err)
	}
}

func yardIs(t *testing.T, url string, args ...string) (out, errs string, code int) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(t.Context(), args, url, &o, &e)
	return o.String(), e.String(), code
}

var durations = regexp.MustCompile(`\d+(\.\d+)?(ms|m\d+(\.\d+)?s|h\d+m\d+s|s)|-?\b\d+ms|\b0s`)

func TestTables(t *testing.T) {
	t.Parallel()
	url, _ := lanes(t)
	for command, want := range map[string]string{
		"lag":        "PARTITION BACKLOG OLDEST OWNER EPOCH LEASE\n0 1 TIME one 3 TIME\n1 0 - gone 1 lapsed TIME ago\n",
		"partitions": "PARTITION OWNER EPOCH LEASE COMMANDS EVENTS DEAD\n0 one.ab 3 TIME 1 0 0\n1 gone.cd 1 lapsed TIME ago 0 0 2\n",
		"nodes":      "WORKER BOOT BEAT COUNT PARTITIONS\ngone gone.cd gone 1 1\none one.ab TIME ago 1 0\n",
		"dlq list": "REF AT OPERATION COMMAND ATTEMPTS REASON\n1/1000-0 1970-01-01T00:00:01Z chat.message d1 1 the disk\\nis full\n" +
			"1/2000-0 1970-01-01T00:00:02Z - 1500-0 1 entry 1500-0 has no uuid\n",
		"dlq show d1": "FIELD VALUE\nref 1/1000-0\nat 1970-01-01T00:00:01Z\ncommand d1\noperation chat.message\norigin cmd:{p1} 999-0\nattempts 1\n" +
			"reason the disk\\nis full\nkey k\nreply_to g\ntimeout_ms 100\npayload {\"b\":\"\\u001b[2J\"}\n",
		"dlq list --limit 1": "REF AT OPERATION COMMAND ATTEMPTS REASON\n1/1000-0 1970-01-01T00:00:01Z chat.message d1 1 the disk\\nis full\nThere are more than 1: --limit shows them.\n",
	} {
		out, errs, code := yardIs(t, url, strings.Fields(command)...)
		got := durations.ReplaceAllString(regexp.MustCompile(` +`).ReplaceAllString(out, " "), "TIME")
		if diff := cmp.Diff(want, got); diff != "" || errs != "" || code != 0 {
			t.Errorf("%s: exit %d %s %s", command, code, errs, diff)
		}
		asJSON, _, code := yardIs(t, url, append(strings.Fields(command), "--json")...)
		if !json.Valid([]byte(asJSON)) || code != 0 {
			t.Errorf("%s --json: exit %d, %s", command, code, asJSON)
		}
	}
}

func TestReplayAndDrop(t *testing.T) {
	t.Parallel()
	url, rdb := lanes(t)
	if out, errs, code := yardIs(t, url, "dlq", "replay", "d1", "1/2000-0", "--json"); code != exitFailed ||
		out != `[{"command_id":"d1","did":"replayed","ref":"1/1000-0"}]`+"\n" || !strings.Contains(errs, "was no command, so it cannot be replayed: drop it") {
		t.Errorf("exit %d %s %s", code, out, errs)
	}
	moved := rdb.XRange(t.Context(), "cmd:{p1}", "-", "+").Val()
	if len(moved) != 1 {
		t.Fatalf("%d commands", len(moved))
	}
	m, err := redisstream.DefaultMarshallerUnmarshaller{}.Unmarshal(moved[0].Values)
	if err != nil {
		t.Fatal(err)
	}
	want := message.Metadata{"operation": "chat.message", "key": "k"}
	if m.Metadata["forward"] != "" { // depends on where the key belongs
		want["forward"] = "true"
	}
	if diff := cmp.Diff(want, m.Metadata); diff != "" || m.UUID != "d1" || string(m.Payload) != `{"b":"\u001b[2J"}` {
		t.Errorf("replayed %s %s: %s", m.UUID, m.Payload, diff)
	}
	if _, errs, code := yardIs(t, url, "dlq", "show", "d1"); code != exitFailed || !strings.Contains(errs, "there is no such dead letter") {
		t.Errorf("exit %d %s", code, errs)
	}
	if out, errs, code := yardIs(t, url, "dlq", "drop", "--all"); code != exitOK || !strings.Contains(out, "1/2000-0") {
		t.Errorf("exit %d %s %s", code, out, errs)
	}
	if n := rdb.XLen(t.Context(), "dlq:{p1}").Val(); n != 0 {
		t.Errorf("%d dead letters are left", n)
	}
}

// A buffer that is written and read at the same time.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func TestEmitAndTail(t *testing.T) {
	t.Parallel()
	url, _ := lanes(t)
	id, errs, code := yardIs(t, url, "emit", "/chat", "notice", "--room", "r1", `{"text":"hi"}`, "--user", "bob", "--json")
	if code != exitOK {
		t.Fatalf("exit %d %s", code, errs)
	}
	var emitted struct{ ID string }
	if err := json.Unmarshal([]byte(id), &emitted); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var out buffer
	ended := make(chan int)
	go func() { ended <- run(ctx, []string{"tail", "evt", "--all", "--json"}, url, &out, &out) }()
	testenv.WaitFor(t, 20*time.Second, "the event", func() bool { return strings.HasSuffix(out.String(), "\n") })
	cancel()
	if code := <-ended; code != exitOK {
		t.Errorf("tail ended with %d", code)
	}
	var e broker.LaneEntry
	if err := json.Unmarshal([]byte(out.String()), &e); err != nil {
		t.Fatalf("%v: %s", err, out.String())
	}
	for name, want := range map[string]string{"namespace": "/chat", "event": "notice", "rooms": `["r1"]`, "users": `["bob"]`, "everyone": ""} {
		if got := e.Metadata[name]; got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if e.ID != emitted.ID || e.Payload != `{"text":"hi"}` {
		t.Errorf("%+v", e)
	}
}

func TestMistakesSayWhatToDo(t *testing.T) {
	t.Parallel()
	url, _ := lanes(t)
	for _, tc := range []struct {
		url, args string
		code      int
		want      string
	}{
		{url, "", exitUsage, "is no command"},
		{url, "dlq", exitUsage, `"dlq" is no command`},
		{url, "dlq replay", exitUsage, "wrong number of arguments: 0"},
		{url, "dlq drop --all x", exitUsage, "wrong number of arguments: 1"},
		{url, "lag --loud", exitUsage, "loud"},
		{"", "lag", exitFailed, "Set REDIS_URL, or give --redis"},
		{"http://:hunter2@x", "lag", exitFailed, "must look like redis://"},
		{testenv.Embedded(t), "lag", exitFailed, "no node has started on it"},
		{url, "tail rep", exitFailed, "tail cmd, evt or dlq"},
		{url, "emit chat e --everyone 1", exitFailed, "is no namespace"},
		{url, "emit /chat e 1", exitFailed, "name a room, a user or everyone"},
		{url, "emit /chat e --everyone {", exitFailed, "the payload is no JSON"},
		{url, "dlq show 7/1-1", exitFailed, "there is no such dead letter"},
		{url, "dlq show 1/x", exitFailed, "no <partition>/<entry>"},
	} {
		out, errs, code := yardIs(t, tc.url, strings.Fields(tc.args)...)
		if code != tc.code || !strings.Contains(errs, tc.want) || strings.Contains(errs, "hunter2") {
			t.Errorf("%q: exit %d %q %q", tc.args, code, out, errs)
		}
	}
	if out, _, code := yardIs(t, "", "help"); code != exitOK || !strings.HasPrefix(out, "usage: yard") {
		t.Errorf("help: exit %d", code)
	}
	if out, errs, code := yardIs(t, url, "emit", "/chat", "e", "--everyone", "--", "-1"); code != exitOK {
		t.Errorf("a payload that looks like a flag: %s %s", out, errs)
	}
}

func TestRepartition(t *testing.T) {
	t.Parallel()
	url, rdb := lanes(t)
	if out, errs, code := yardIs(t, url, "repartition", "8"); code != exitFailed || !strings.HasPrefix(errs, "yard repartition: workers are there: one.ab. Stop all nodes") {
		t.Errorf("%d %s %s", code, out, errs)
	}
	if out, errs, code := yardIs(t, url, "repartition", "many"); code != exitFailed || errs != "yard repartition: \"many\" is no number of partitions\n" {
		t.Errorf("%d %s %s", code, out, errs)
	}
	if err := rdb.Del(t.Context(), "workers", "own:{p0}", "own:{p1}", "cmd:{p0}").Err(); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{"0", "1"} { // one of them is where the key belongs
		add(t, rdb, "kept:{p"+p+"}:/chat message.posted lobby", "1-0", "", "{}")
	}
	if out, errs, code := yardIs(t, url, "repartition", "64"); code != exitOK || out != "PARTITIONS  MOVED\n64          1\n" {
		t.Errorf("%d %s %s", code, out, errs)
	}
	if out, errs, code := yardIs(t, url, "partitions", "--json"); code != exitOK || strings.Count(out, `"partition":`) != 64 {
		t.Errorf("%d %s %s", code, out, errs)
	}
}
