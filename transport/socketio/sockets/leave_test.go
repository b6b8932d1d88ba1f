package sockets_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/example/switchyard/internal/rawsio"
	"github.com/example/switchyard/internal/testenv"
	"github.com/example/switchyard/transport/socketio/sockets"
)

// Who waits for nothing is sent away; who waits for an answer gets it first.
func TestSendAwayLeavesNoAnswerBehind(t *testing.T) {
	t.Parallel()
	over(t, func(t *testing.T, dial func(string) *rawsio.Client) {
		srv, h, url := start(t, sockets.Config{})
		idle, waiting := dial(url), dial(url)
		idle.Connect("/a", "")
		waiting.Connect("/a", "")
		waiting.Emit("/a", "hold", `1`)
		testenv.WaitFor(t, rawsio.Patience, "the event", func() bool { return len(h.heard()) == 1 })
		srv.SendAway(t.Context(), 0)
		_ = idle.Ended()
		testenv.WaitFor(t, rawsio.Patience, "the idle one to have gone", func() bool { return srv.Connections() == 1 })
		if got := waiting.Call("/a", "release", `2`); got != `2` { // it also has the other one answered
			t.Errorf("answered %s", got)
		}
		_ = waiting.Ended()
	})
}

// A question to a client is waited for as well.
func TestSendAwayWaitsForAnswersOfClients(t *testing.T) {
	t.Parallel()
	srv, _, url := start(t, sockets.Config{})
	c := rawsio.Dial(t, url)
	c.Connect("/a", "")
	replies := make(chan error, 1)
	asked := srv.Find("/a", sockets.Audience{Everyone: true})[0]
	asked.Ask("question", rawsio.Patience, sockets.JSON(json.RawMessage(`1`)), func(_ []json.RawMessage, err error) { replies <- err })
	srv.SendAway(t.Context(), 0)
	id := askedAs(t, c, "/a", `["question",1]`)
	c.Send("43/a," + id + `["reply"]`)
	if err := <-replies; err != nil {
		t.Errorf("the question: %v", err)
	}
	_ = c.Ended()
}

// Many are spread over the whole time, and it is not exceeded for their number.
func TestSendAwayIsSpread(t *testing.T) {
	t.Parallel()
	srv, _, url := start(t, sockets.Config{})
	const clients, over = 400, 200 * time.Millisecond
	for range clients {
		rawsio.Dial(t, url)
	}
	begin := time.Now()
	srv.SendAway(t.Context(), over)
	// The last one's turn is a little before the end, and may be a millisecond early.
	if took := time.Since(begin); took < over*(clients-1)/clients-time.Millisecond || took > over+testenv.Late {
		t.Errorf("%d clients within %s took %s", clients, over, took)
	}
}

// Whoever is told CONNECT hears what was sent before, also when the connection is closed
// right then.
func TestNobodyIsConnectedWithoutWhatWasHeld(t *testing.T) {
	t.Parallel()
	over(t, func(t *testing.T, dial func(string) *rawsio.Client) {
		_, _, url := start(t, sockets.Config{})
		c := dial(url)
		c.Send(`40/a,{"brief":true}`)
		_ = c.Ended()
		if heard := strings.Join(c.Heard(), " "); !strings.Contains(heard, "40/a,") || len(c.Events()) != 1 {
			t.Errorf("heard %s", heard)
		}
	})
}

// Who is to be disconnected while it connects does not stay.
func TestADisconnectIsNotLostOnWhoConnects(t *testing.T) {
	t.Parallel()
	over(t, func(t *testing.T, dial func(string) *rawsio.Client) {
		srv, h, url := start(t, sockets.Config{})
		c := dial(url)
		c.Connect("/b", "")
		c.Connect("/a", `{"unwelcome":true}`)
		c.Expect("/a", "held")
		c.Disconnected("/a")
		testenv.WaitFor(t, rawsio.Patience, "its end to be told", func() bool { return len(h.reasons()) == 1 })
		if n := srv.Count("/a", sockets.Audience{Everyone: true}); n != 0 {
			t.Errorf("%d are in", n)
		}
		c.Call("/b", "e", `1`) // its other sockets stay, unless all are to go
		c.Forget("/a")
		c.Send(`40/a,{"unwelcome":"everywhere"}`)
		_ = c.Ended()
	})
}
