package tests

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/example/switchyard/internal/rawsio"
	"github.com/example/switchyard/internal/siotest"
	"github.com/example/switchyard/internal/testenv"
)

// leftOf counts who was said to have left.
func leftOf(c *rawsio.Client) map[string]int {
	left := map[string]int{}
	for _, e := range c.Events() {
		var m struct{ Room, User string }
		if e.Name == "member.left" && json.Unmarshal(e.Payload, &m) == nil {
			left[m.Room+" "+m.User]++
		}
	}
	return left
}

// A node is killed: its members lapse on the other nodes, each once in each room.
func TestTheMembersOfAKilledNodeLapse(t *testing.T) {
	t.Parallel()
	url := testenv.Redis(t)
	killed, one, two := siotest.Launch(t, url, "killed"), siotest.Launch(t, url, "one"), siotest.Launch(t, url, "two")
	var rooms []string
	for i := range 8 {
		rooms = append(rooms, fmt.Sprint("room-", i))
	}
	enter := func(p *siotest.Process, user string) *rawsio.Client {
		c := rawsio.Dial(t, p.URL)
		c.Connect("/chat", fmt.Sprintf(`{"user":%q}`, user))
		for _, room := range rooms {
			if got := c.Call("/chat", "join", fmt.Sprintf(`{"room":%q}`, room)); !strings.Contains(got, `"joined":true`) {
				t.Fatal(got)
			}
		}
		return c
	}
	hearers := []*rawsio.Client{enter(one, "olga"), enter(two, "tom")}
	alice, bob, _ := enter(killed, "alice"), enter(killed, "bob"), enter(killed, "carol")
	alice.Call("/chat", "leave", `{"room":"room-0"}`)
	bob.Close()
	want := map[string]int{}
	for _, room := range rooms {
		for _, user := range []string{"alice", "bob", "carol"} {
			want[room+" "+user] = 1
		}
	}
	testenv.WaitFor(t, 20*time.Second, "bob to be gone", func() bool { return len(leftOf(hearers[0])) == len(rooms)+1 })
	inRedis := testenv.Client(t, url)
	testenv.WaitFor(t, 20*time.Second, "Redis to know who is in", func() bool {
		n := 0
		for _, key := range inRedis.Keys(t.Context(), "roster:*killed*").Val() {
			n += int(inRedis.HLen(t.Context(), key).Val()) - 1 // without the number of the batch
		}
		return n == 2*len(rooms)-1 // alice and carol
	})
	begin := time.Now()
	killed.Kill()
	for _, c := range hearers {
		testenv.WaitFor(t, 20*time.Second, "the members to lapse", func() bool { return len(leftOf(c)) == len(want) })
	}
	t.Logf("it took %s", time.Since(begin))
	for _, c := range hearers { // what comes twice has come before the next message
		for i, room := range rooms {
			got := c.Call("/chat", "message", fmt.Sprintf(`{"room":%q,"text":"%d"}`, room, i))
			if !strings.Contains(got, `"id"`) {
				t.Error(got)
			}
		}
		testenv.WaitFor(t, 20*time.Second, "the messages", func() bool {
			posted := 0
			for _, e := range c.Events() {
				if e.Name == "message.posted" {
					posted++
				}
			}
			return posted >= len(rooms)
		})
		for who, n := range leftOf(c) {
			if n != want[who] {
				t.Errorf("%s has left %d times", who, n)
			}
		}
	}
	testenv.WaitFor(t, 20*time.Second, "it to be forgotten", func() bool { return inRedis.ZCard(t.Context(), "gateways").Val() == 2 })
}
