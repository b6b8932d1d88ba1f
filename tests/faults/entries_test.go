package faults

import (
	"fmt"
	"regexp"
	"testing"
	"time"
)

// metadata encodes pairs of names and values as entries of streams hold them.
func metadata(pairs ...string) string {
	b := []byte{0x80 | byte(len(pairs)/2)}
	for _, s := range pairs {
		b = append(append(b, 0xd9, byte(len(s))), s...)
	}
	return string(b)
}

var bootRE = regexp.MustCompile(`boot=(\S+)`)

// boot is the name of a node's process on the lanes.
func (n *node) boot(t *testing.T) string {
	t.Helper()
	m := bootRE.FindStringSubmatch(n.Log())
	if m == nil {
		t.Fatalf("%s does not log its boot", n.Name)
	}
	return m[1]
}

// Others write into our streams what is no message, or a message that no node writes.
func TestForeignEntries(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	a, b := launch(t, redis, "a"), launch(t, redis, "b")
	l := newLoad(t, redis, loadOptions{}, a, b)
	const uuid, meta, payload = "_watermill_message_uuid", "metadata", "payload"
	junk := [][]any{
		{"hello", "world"},
		{uuid, "", meta, "", payload, ""},
		{uuid, "no-metadata", payload, "{}"},
		{uuid, "nil", meta, "\xc0", payload, "{}"},
		{uuid, "bad", meta, "\xff\x00rubbish", payload, "{}"},
		{uuid, "cut", meta, metadata("operation", "chat.message")[:9], payload, "{}"},
		{uuid, "a-number", meta, "\x81\xa9operation\x07", payload, "{}"},
		{uuid, "unknown", meta, metadata("operation", "nobody.serves"), payload, "{}"},
		{uuid, "no-json", meta, metadata("operation", "chat.message", "key", "k"), payload, "{"},
		{uuid, "roles", meta, metadata("operation", "chat.message", "roles", "{"), payload, "{}"},
		{uuid, "time", meta, metadata("operation", "chat.message", "timeout_ms", "-1"), payload, "{}"},
		{uuid, "rooms", meta, metadata("namespace", "/chat", "event", "message.posted", "rooms", "[1"), payload, "{}"},
		{uuid, "namespace", meta, metadata("namespace", "/nowhere", "event", "x", "rooms", `["r"]`), payload, "{}"},
		{uuid, "action", meta, metadata("namespace", "/chat", "action", "dance", "everyone", "true"), payload, "{}"},
		{uuid, "reply", meta, metadata("reply_to", a.boot(t)), payload, "{}"},
		{uuid, "join", meta, metadata("reply_to", a.boot(t), "join", "{"), payload, "{}"},
	}
	l.fault = time.Now()
	for p := range partitions {
		for _, stream := range []string{fmt.Sprintf("cmd:{p%d}", p), fmt.Sprintf("evt:{p%d}", p), "rep:" + a.boot(t)} {
			for _, fields := range junk {
				redis.do(append([]any{"XADD", stream, "*"}, fields...)...)
			}
		}
	}
	l.run(2 * time.Second)
	l.judge(b)
	if got, want := len(redis.deadLetters()), len(junk)*partitions; got != want {
		t.Errorf("%d dead letters, want one for each entry in a lane of commands: %d", got, want)
	}
}
