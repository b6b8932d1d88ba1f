package sockets_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/example/switchyard/internal/rawsio"
	"github.com/example/switchyard/internal/testenv"
	"github.com/example/switchyard/transport/socketio/engineio"
	"github.com/example/switchyard/transport/socketio/sockets"
)

func orgs(name string) bool { return strings.HasPrefix(name, "/org-") }

func namespaces(srv *sockets.Server) string {
	all := srv.Namespaces()
	slices.Sort(all)
	return strings.Join(all, " ")
}

func wantNamespaces(t *testing.T, srv *sockets.Server, want string) {
	t.Helper()
	testenv.WaitFor(t, 20*time.Second, "the namespaces to be "+want, func() bool { return namespaces(srv) == want })
}

func TestDynamicNamespaces(t *testing.T) {
	over(t, func(t *testing.T, dial func(url string) *rawsio.Client) {
		srv, h, url := start(t, sockets.Config{Dynamic: orgs})
		alice, bob := dial(url), dial(url)
		sid := alice.Connect("/org-1", "")
		other := alice.Connect("/org-2", "")
		alice.Connect("/a", "")
		bob.Connect("/org-2", "")
		if sid == other || srv.Count("/org-2", sockets.Audience{Everyone: true}) != 2 {
			t.Errorf("%s %s, %d in /org-2", sid, other, srv.Count("/org-2", sockets.Audience{Everyone: true}))
		}
		for _, ns := range []string{"/org-1", "/org-2", "/a"} {
			if got := alice.Call(ns, "echo", `"`+ns+`"`); got != `"`+ns+`"` {
				t.Errorf("%s answered %s", ns, got)
			}
		}
		srv.Broadcast("/org-2", sockets.Audience{Everyone: true}, "news", sockets.JSON(json.RawMessage(`1`)), false)
		if got := alice.Expect("/org-2", "news") + bob.Expect("/org-2", "news"); got != "11" {
			t.Errorf("heard %s", got)
		}
		if _, refused := alice.TryConnect("/other", ""); !strings.Contains(refused, `"message":"Invalid namespace"`) {
			t.Errorf("/other: %s", refused)
		}
		if _, refused := alice.TryConnect("/org-3", `{"refuse":true}`); !strings.Contains(refused, `"message":"unauthorized"`) {
			t.Errorf("/org-3: %s", refused)
		}
		wantNamespaces(t, srv, "/a /b /org-1 /org-2") // who was refused leaves none
		alice.Send("41/org-2,")
		testenv.WaitFor(t, 20*time.Second, "the goodbye", func() bool { return len(h.reasons()) == 1 })
		alice.Forget("/org-2")
		alice.Connect("/org-2", "") // again, over the same connection
		alice.Call("/org-2", "echo", `2`)
		bob.Emit("/org-2", "goodbye", `3`) // the server ends it
		bob.Disconnected("/org-2")
		wantNamespaces(t, srv, "/a /b /org-1 /org-2")
		alice.Close()
		bob.Close()
		wantNamespaces(t, srv, "/a /b")
	})
}

// However many namespaces clients name, at once and in vain, none stays.
func TestDynamicNamespacesLeaveNothingBehind(t *testing.T) {
	t.Parallel()
	srv, _, url := start(t, sockets.Config{Dynamic: orgs, MaxNamespaces: 4})
	var clients sync.WaitGroup
	for range 8 {
		clients.Go(func() {
			c := rawsio.Dial(t, url)
			for i := range 60 { // the same names from all
				ns := fmt.Sprintf("/org-%d", i)
				auth := ""
				if i%3 == 0 {
					auth = `{"refuse":true}`
				}
				if err := c.TryOpen(ns, auth); (err != nil) != (auth != "") {
					t.Errorf("%s: %v", ns, err)
					return
				}
				if auth == "" {
					_ = c.TrySend("41" + ns + ",")
				}
			}
		})
	}
	clients.Wait()
	wantNamespaces(t, srv, "/a /b")
	c := rawsio.Dial(t, url)
	for i := range 4 {
		c.Connect(fmt.Sprintf("/org-%d", i), "")
	}
	if _, refused := c.TryConnect("/org-4", ""); !strings.Contains(refused, "too many") {
		t.Errorf("one too many: %s", refused)
	}
	wantNamespaces(t, srv, "/a /b /org-0 /org-1 /org-2 /org-3")
}

// What a connection has inside is no namespace of a client, however it is written.
func TestSlotsCannotBeNamed(t *testing.T) {
	t.Parallel()
	srv, h, url := start(t, sockets.Config{Dynamic: orgs, Engine: engineio.Config{AllowEIO3: true}})
	for _, packet := range []string{"40/*0,", "40/*0", "40/*99,{}", "41/*0,", "42/*0,[\"echo\",1]"} {
		c := rawsio.Dial(t, url)
		c.Connect("/org-1", "")
		c.Send(packet)
		if err := c.Ended(); errors.Is(err, rawsio.ErrSilent) {
			t.Errorf("%s: %v", packet, err)
		}
	}
	for _, packet := range []string{"40/%2A0", "40//host/*0", "40/*0?token=1"} {
		c := rawsio.Dial3(t, url)
		c.Send(packet)
		if err := c.Ended(); errors.Is(err, rawsio.ErrSilent) {
			t.Errorf("%s: %v", packet, err)
		}
	}
	if got := h.connecting.Load(); got != 5 {
		t.Errorf("%d were asked to be let in, want 5", got)
	}
	wantNamespaces(t, srv, "/a /b")
}

func TestDynamicNamespacesOfProtocol3(t *testing.T) {
	t.Parallel()
	srv, _, url := start(t, sockets.Config{Dynamic: orgs, Engine: engineio.Config{AllowEIO3: true}})
	c := rawsio.Dial3(t, url)
	c.Send("40/org-1?user=old,")
	c.ExpectHeard("40/org-1,")
	if got := c.Call("/org-1", "echo", `1`); got != "1" {
		t.Errorf("answered %s", got)
	}
	wantNamespaces(t, srv, "/a /b /org-1")
	id := srv.Find("/org-1", sockets.Audience{Everyone: true})[0].ID()
	secret, _, _ := strings.Cut(strings.TrimPrefix(c.Heard()[0], `0{"sid":"`), `"`)
	if strings.Contains(id, secret) || srv.Count("/org-1", sockets.Audience{Sockets: []string{id}}) != 1 {
		t.Errorf("the socket %s of the connection %s", id, secret)
	}
}
