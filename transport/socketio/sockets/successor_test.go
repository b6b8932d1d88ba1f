package sockets_test

import (
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gorilla/websocket"

	"github.com/example/switchyard/internal/rawsio"
	"github.com/example/switchyard/internal/testenv"
	"github.com/example/switchyard/transport/socketio/engineio"
	"github.com/example/switchyard/transport/socketio/sockets"
)

// askedAs waits for a question and returns its id.
func askedAs(t *testing.T, c *rawsio.Client, ns, question string) (id string) {
	t.Helper()
	testenv.WaitFor(t, rawsio.Patience, question, func() bool {
		for _, p := range c.Heard() {
			if rest, ok := strings.CutPrefix(p, "42"+ns+","); ok && strings.HasSuffix(rest, question) {
				id = strings.TrimSuffix(rest, question)
			}
		}
		return id != ""
	})
	return id
}

// A client may answer a question when it has come back, as another socket: that is no answer
// to what this one was asked.
func TestALateReplyAnswersNoOtherQuestion(t *testing.T) {
	t.Parallel()
	srv, _, url := start(t, sockets.Config{})
	replies := make(chan string, 2)
	ask := func(c *rawsio.Client, sid string) (id string) {
		srv.Find("/a", sockets.Audience{Sockets: []string{sid}})[0].Ask("sure?", rawsio.Patience, sockets.JSON(json.RawMessage(`1`)), func(args []json.RawMessage, err error) {
			if err == nil {
				replies <- string(args[0])
			}
		})
		return askedAs(t, c, "/a", `["sure?",1]`)
	}
	first := rawsio.Dial(t, url)
	old := ask(first, first.Connect("/a", ""))
	first.Close()
	second := rawsio.Dial(t, url)
	id := ask(second, second.Connect("/a", ""))
	second.Send("43/a," + old + `["no"]`)
	second.Send("43/a," + id + `["yes"]`)
	if got := <-replies; got != `"yes"` {
		t.Errorf("answered %s", got)
	}
}

// What crosses the server's DISCONNECT of one namespace does not end the others.
func TestWhatCrossesADisconnectIsDropped(t *testing.T) {
	t.Parallel()
	for _, crossing := range []string{`42/a,7["anything"]`, `42/a,["anything"]`, "41/a,"} {
		srv, _, url := start(t, sockets.Config{})
		c := rawsio.Dial(t, url)
		sid := c.Connect("/a", "")
		c.Connect("/b", "")
		srv.Find("/a", sockets.Audience{Sockets: []string{sid}})[0].Disconnect()
		c.ExpectHeard("41/a,")
		testenv.WaitFor(t, rawsio.Patience, "the socket to have gone", func() bool { return len(srv.Find("/a", sockets.Audience{Everyone: true})) == 0 })
		c.Send(crossing)
		if got := c.Call("/b", "echo", `1`); got != "1" {
			t.Errorf("%s: /b answers %s", crossing, got)
		}
		c.Connect("/a", "")
		c.Close()
	}
}

// However much crosses it takes no event's place, is told to nobody when it is too much, and
// keeps no connection from being sent away.
func TestWhatCrossesADisconnectIsNotOwed(t *testing.T) {
	t.Parallel()
	const open, rate = 2, 50
	srv, _, url := start(t, sockets.Config{EventsOpen: open, EventRate: rate})
	c := rawsio.Dial(t, url)
	sid := c.Connect("/a", "")
	c.Connect("/b", "")
	srv.Find("/a", sockets.Audience{Sockets: []string{sid}})[0].Disconnect()
	c.ExpectHeard("41/a,")
	testenv.WaitFor(t, rawsio.Patience, "the socket to have gone", func() bool { return len(srv.Find("/a", sockets.Audience{Everyone: true})) == 0 })
	for range 2 * open {
		c.Send(`42/a,7["anything"]`)
	}
	if got := c.Call("/b", "echo", `1`); got != "1" {
		t.Errorf("/b answers %s", got)
	}
	for range 20 * rate { // ten times as many as may come at once
		c.Send(`42/a,7["anything"]`)
	}
	c.Connect("/a", "")
	srv.SendAway(t.Context(), 0)
	_ = c.Ended()
}

// A client that disconnects before it was told CONNECT says nothing of that, and connects
// again: that ends its first socket, and neither the second nor other namespaces.
func TestWhoConnectsAgainHasTheLastSocket(t *testing.T) {
	t.Parallel()
	srv, h, url := start(t, sockets.Config{Dynamic: func(name string) bool { return name == "/dynamic" }})
	for _, ns := range []string{"/a", "/dynamic"} {
		c := rawsio.Dial(t, url)
		c.Connect("/b", "")
		before := len(h.reasons())
		const times = 10
		for range times {
			c.Send("40" + ns + ",")
		}
		testenv.WaitFor(t, rawsio.Patience, "the last to be told", func() bool {
			told := slices.DeleteFunc(c.Heard(), func(p string) bool { return !strings.HasPrefix(p, "40"+ns) })
			return len(told) == times
		})
		if got := c.Call(ns, "echo", `1`); got != "1" {
			t.Errorf("%s answers %s", ns, got)
		}
		if got := c.Call("/b", "echo", `1`); got != "1" {
			t.Errorf("/b answers %s", got)
		}
		if n, ended := len(srv.Find(ns, sockets.Audience{Everyone: true})), len(h.reasons())-before; n != 1 || ended != times-1 {
			t.Errorf("%d sockets are in %s, %d have ended", n, ns, ended)
		}
	}
}

// In protocol 3 the namespace of a CONNECT may have a query.
func TestWhoConnectsAgainWithAQuery(t *testing.T) {
	t.Parallel()
	_, _, url := start(t, sockets.Config{Engine: engineio.Config{AllowEIO3: true}})
	ws, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(url, "http")+"/socket.io/?EIO=3&transport=websocket", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ws.Close()
	const times = 10
	for range times {
		_ = ws.WriteMessage(websocket.TextMessage, []byte("40/a?k=1,"))
	}
	for told := 0; told < times; {
		switch _, b, err := ws.ReadMessage(); {
		case err != nil, strings.HasPrefix(string(b), "44"):
			t.Fatalf("after %d times: %s %v", told, b, err)
		case strings.HasPrefix(string(b), "40/a"):
			told++
		}
	}
}

// Client and server may disconnect a socket in the same moment: its connection stays.
func TestBothDisconnectAtOnce(t *testing.T) {
	t.Parallel()
	srv, _, url := start(t, sockets.Config{})
	c := rawsio.Dial(t, url)
	c.Connect("/b", "")
	for range 3000 {
		c.Send("40/a,")
		c.Call("/a", "echo", `1`)
		go srv.Find("/a", sockets.Audience{Everyone: true})[0].Disconnect()
		c.Send("41/a,")
		if got := c.Call("/b", "echo", `1`); got != "1" {
			t.Fatalf("/b answers %s", got)
		}
	}
}

// Who is disconnected and comes back at once, over the same connection, is let in.
func TestWhoIsDisconnectedComesBack(t *testing.T) {
	t.Parallel()
	srv, _, url := start(t, sockets.Config{})
	var clients sync.WaitGroup
	for range 8 {
		clients.Go(func() {
			ws, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(url, "http")+"/socket.io/?EIO=4&transport=websocket", nil)
			if err != nil {
				t.Error(err)
				return
			}
			defer ws.Close()
			say := func(packet string) { _ = ws.WriteMessage(websocket.TextMessage, []byte(packet)) }
			say("40/a,")
			for returns := 0; returns < 1000; {
				_, b, err := ws.ReadMessage()
				switch packet := string(b); {
				case err != nil, strings.HasPrefix(packet, "44/a"):
					t.Errorf("after %d returns: %s %v", returns, packet, err)
					return
				case strings.HasPrefix(packet, "40/a"):
					var told struct{ SID string }
					_ = json.Unmarshal(b[len("40/a,"):], &told)
					go func() { // as an expired token does
						for _, s := range srv.Find("/a", sockets.Audience{Sockets: []string{told.SID}}) {
							s.Disconnect()
						}
					}()
				case strings.HasPrefix(packet, "41/a"):
					returns++
					say("40/a,")
				case packet == "2":
					say("3")
				}
			}
		})
	}
	clients.Wait()
}
