package tests

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/example/switchyard/internal/rawsio"
	"github.com/example/switchyard/internal/siotest"
	"github.com/example/switchyard/internal/testenv"
)

// The node that relays events dies while the broker does not answer it: another one goes
// on, and clients hear everything, once and in order.
func TestANodeDiesWhileItsRelayIsBehind(t *testing.T) {
	t.Parallel()
	nats, url := testenv.NATS(t), testenv.Redis(t)
	proxy, through := testenv.NewProxy(t, nats)
	one := siotest.Launch(t, url, "one", "EVENTS=nats", "EVENTS_URL="+through)
	two := siotest.Launch(t, url, "two", "EVENTS=nats", "EVENTS_URL="+nats)
	alice := rawsio.Dial(t, two.URL)
	alice.Connect("/chat", `{"user":"alice"}`)
	alice.Call("/chat", "join", `{"room":"lobby"}`)
	alice.Expect("/chat", "member.joined")
	post := func(n int) { alice.Emit("/chat", "message", fmt.Sprintf(`{"room":"lobby","text":"m%d"}`, n)) }
	expect := func(n int) {
		t.Helper()
		if got := alice.Expect("/chat", "message.posted"); !strings.Contains(got, fmt.Sprintf(`"text":"m%d"`, n)) {
			t.Fatalf("heard %s, want m%d", got, n)
		}
	}
	post(1)
	expect(1)

	const all = 30
	proxy.BlackHole()
	for n := 2; n <= all; n++ {
		post(n)
	}
	rdb := testenv.Client(t, url)
	testenv.WaitFor(t, 20*time.Second, "the messages to be committed", func() bool {
		n := int64(0)
		for p := range 16 {
			n += rdb.XLen(t.Context(), fmt.Sprintf("evt:{p%d}", p)).Val()
		}
		return n >= all+1 // and that she has joined
	})
	testenv.WaitFor(t, 20*time.Second, "the node not to be ready", func() bool {
		status, text := ready(t, one.URL)
		return status == 503 && strings.Contains(text, "events failed") && strings.Contains(text, "redis ok")
	})
	one.Kill()
	for n := 2; n <= all; n++ {
		expect(n)
	}
	alice.Call("/chat", "history", `{"room":"lobby"}`)
	if more := alice.Events(); len(more) > 0 {
		t.Errorf("heard besides: %v", more)
	}
}
