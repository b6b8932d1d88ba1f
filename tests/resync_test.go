package tests

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/example/switchyard/internal/rawsio"
	"github.com/example/switchyard/internal/siotest"
	"github.com/example/switchyard/internal/testenv"
	"github.com/example/switchyard/usecases/chat"
)

// A node that stands still for longer than its events are kept tells its clients, and
// they find what they have missed in the history.
func TestMissedEventsAreAnnounced(t *testing.T) {
	t.Parallel()
	url := testenv.Redis(t)
	rdb := testenv.Client(t, url)
	frozen := siotest.Launch(t, url, "frozen", "ROLE=gateway")
	alice, bob := rawsio.Dial(t, siotest.Start(t, siotest.Redis(url)).URL), rawsio.Dial(t, frozen.URL)
	alice.Connect("/chat", `{"user":"alice"}`)
	bob.Connect("/tasks", `{"user":"bob"}`)
	bob.Connect("/chat", `{"user":"bob"}`)
	bob.Call("/chat", "join", `{"room":"lobby"}`)
	post := func(n int) (id string) {
		t.Helper()
		var out chat.PostOutput
		if err := json.Unmarshal([]byte(alice.Call("/chat", "message", fmt.Sprintf(`{"room":"lobby","text":"%d"}`, n))), &out); err != nil {
			t.Fatal(err)
		}
		return out.ID
	}
	posted := []string{post(0)}
	last := heardID(t, bob)

	frozen.Freeze()
	for n := range 5 {
		posted = append(posted, post(n+1))
	}
	for p := range 16 {
		if err := rdb.XTrimMaxLen(t.Context(), fmt.Sprintf("evt:{p%d}", p), 0).Err(); err != nil {
			t.Fatal(err)
		}
	}
	frozen.Thaw()

	for _, namespace := range []string{"/chat", "/tasks"} {
		if got := bob.Expect(namespace, "resync"); got != `{"rooms":[],"reason":"gap"}` {
			t.Errorf("%s: %s", namespace, got)
		}
	}
	var page chat.ReadOutput
	if err := json.Unmarshal([]byte(bob.Call("/chat", "history", fmt.Sprintf(`{"room":"lobby","after":%q}`, last))), &page); err != nil {
		t.Fatal(err)
	}
	var missed []string
	for _, m := range page.Messages {
		missed = append(missed, m.ID)
	}
	if !slices.Equal(missed, posted[1:]) {
		t.Errorf("the history since %s has %v, want %v", last, missed, posted[1:])
	}
	next := post(6) // the first of those before may have come, too: it was on its way
	testenv.WaitFor(t, rawsio.Patience, "what comes next", func() bool { return heardID(t, bob) == next })
}

// heardID is the id of the next message that a client hears.
func heardID(t *testing.T, c *rawsio.Client) string {
	t.Helper()
	var m chat.Message
	if err := json.Unmarshal([]byte(c.Expect("/chat", "message.posted")), &m); err != nil {
		t.Fatal(err)
	}
	return m.ID
}
