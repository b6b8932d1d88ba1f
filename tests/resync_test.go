package tests

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/siotest"
	"github.com/example/switchyard/internal/testenv"
	"github.com/example/switchyard/transport/socketio/client"
	"github.com/example/switchyard/usecases/chat"
	"github.com/example/switchyard/usecases/tasks"
)

// A node that stands still for longer than its events are kept tells its clients, and
// they find what they have missed in the history.
func TestMissedEventsAreAnnounced(t *testing.T) {
	t.Parallel()
	other := siotest.Start(t)
	rdb := testenv.Client(t, other.RedisURL)
	frozen := siotest.Launch(t, other.RedisURL, "frozen", "ROLE=gateway")
	alice := other.Client(t, chat.Namespace, siotest.As("alice"))
	bob := frozen.Client(t, chat.Namespace, siotest.As("bob"))
	working, err := bob.Of(t.Context(), tasks.Namespace)
	if err != nil {
		t.Fatal(err)
	}
	siotest.Call(t, bob, chat.Join, chat.JoinInput{Room: "lobby"})
	post := func(n int) (id string) {
		t.Helper()
		return siotest.Call(t, alice, chat.Post, chat.PostInput{Room: "lobby", Text: fmt.Sprint(n)}).ID
	}
	posted := []string{post(0)}
	last := siotest.Expect(t, bob, chat.Posted).ID

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

	want := client.Resync{Rooms: []contract.Room{}, Reason: "gap"}
	for c, ns := range map[*client.Client]contract.Namespace{bob: chat.Namespace, working: tasks.Namespace} {
		if got := siotest.Expect(t, c, contract.Event[client.Resync]{Namespace: ns, Name: contract.Resync}); !cmp.Equal(got, want) {
			t.Errorf("%s: %+v", ns.Name, got)
		}
	}
	var missed []string
	for _, m := range siotest.Call(t, bob, chat.Read, chat.ReadInput{Room: "lobby", After: last}).Messages {
		missed = append(missed, m.ID)
	}
	if !slices.Equal(missed, posted[1:]) {
		t.Errorf("the history since %s has %v, want %v", last, missed, posted[1:])
	}
	next := post(6)
	for siotest.Expect(t, bob, chat.Posted).ID != next { // some of those before may have been on their way
	}
}
