package sockets_test

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/example/switchyard/internal/rawsio"
	"github.com/example/switchyard/internal/testenv"
	"github.com/example/switchyard/transport/socketio/engineio"
	"github.com/example/switchyard/transport/socketio/sockets"
)

func TestPanicInAHandlerEndsNothingElse(t *testing.T) {
	t.Parallel()
	_, _, url := start(t, sockets.Config{})
	witness := rawsio.Dial(t, url)
	witness.Connect("/a", "")
	c := rawsio.Dial(t, url)
	c.Connect("/a", "")
	c.Emit("/a", "panic", "1")
	if got := witness.Call("/a", "alive", "1"); got != "1" {
		t.Error(got)
	}
}

func TestDisconnectOnceWithItsReasonAfterWhatWasSent(t *testing.T) {
	t.Parallel()
	over(t, func(t *testing.T, dial func(string) *rawsio.Client) {
		_, h, url := start(t, sockets.Config{})
		by := dial(url)
		by.Connect("/a", "")
		by.Call("/a", "join", `"x"`)
		by.Emit("/a", "goodbye", "1")
		by.Disconnected("/a")
		if got := by.Events(); len(got) != 20 {
			t.Errorf("%d of 20 events came before the end", len(got))
		}
		by.Connect("/a", "") // the connection is there for a new socket
		by.Send("41/a,")
		testenv.WaitFor(t, 20*time.Second, "both ends", func() bool { return len(h.reasons()) == 2 })
		by.Connect("/b", "")
		by.Close()
		testenv.WaitFor(t, 20*time.Second, "all ends", func() bool { return len(h.reasons()) == 3 })
		got := h.reasons()
		last := []string{"transport close", "transport error", "ping timeout"} // polling: aborted in, or between, polls
		if got[0] != "server namespace disconnect" || got[1] != "client namespace disconnect" || !slices.Contains(last, got[2]) {
			t.Errorf("reasons %v", got)
		}
		if len(h.rooms) > 0 {
			t.Errorf("sockets that have gone are in the rooms %v", h.rooms)
		}
	})
}

func TestSlowConsumerIsCut(t *testing.T) {
	t.Parallel()
	srv, h, url := start(t, sockets.Config{Engine: engineio.Config{QueueMessages: 64, QueueBytes: 1 << 20}})
	deaf := rawsio.DialDeaf(t, url, "/a")
	payload := json.RawMessage(`"` + strings.Repeat("x", 64<<10) + `"`)
	testenv.WaitFor(t, rawsio.Patience, "the socket", func() bool { return len(srv.Find("/a", sockets.Audience{Everyone: true})) == 1 })
	testenv.WaitFor(t, rawsio.Patience, "the cut", func() bool {
		srv.Broadcast("/a", sockets.Audience{Everyone: true}, "n", sockets.JSON(payload), false)
		return len(h.reasons()) == 1
	})
	if got := h.reasons()[0]; got != "slow consumer" {
		t.Errorf("reason %q", got)
	}
	_ = deaf.Close()
}

func TestShutdownEndsEveryConnectionAfterWhatWasSent(t *testing.T) {
	t.Parallel()
	over(t, func(t *testing.T, dial func(string) *rawsio.Client) {
		srv, h, url := start(t, sockets.Config{})
		var clients []*rawsio.Client
		for range 5 {
			c := dial(url)
			c.Connect("/a", "")
			c.Call("/a", "hello", `1`) // so that nothing is held for it any more
			clients = append(clients, c)
		}
		srv.Broadcast("/a", sockets.Audience{Everyone: true}, "last", sockets.JSON(json.RawMessage(`1`)), false)
		if cut := srv.Shutdown(t.Context()); cut != 0 {
			t.Fatalf("%d were cut", cut)
		}
		for _, c := range clients {
			_ = c.Ended()
			if len(c.Events()) != 1 {
				t.Error("the last event did not come")
			}
		}
		if got := len(h.reasons()); got != 5 {
			t.Errorf("%d of 5 ended", got)
		}
	})
}

// A client that is gone without a word, or does not read, keeps nobody waiting.
func TestShutdownCutsWhoDoesNotGo(t *testing.T) {
	t.Parallel()
	srv, h, url := start(t, sockets.Config{})
	gone, err := http.Get(url + "/socket.io/?EIO=4&transport=polling") // and no poll follows
	if err != nil {
		t.Fatal(err)
	}
	_ = gone.Body.Close()
	begin := time.Now()
	if cut := srv.Shutdown(t.Context()); cut != 0 || time.Since(begin) > 5*time.Second+testenv.Late {
		t.Errorf("%d were cut after %s", cut, time.Since(begin))
	}

	stays := rawsio.Dial(t, url)
	stays.Connect("/a", "")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if cut := srv.Shutdown(ctx); cut != 1 || srv.Connections() != 0 || len(h.reasons()) != 1 {
		t.Errorf("%d were cut, %d are left, %v", cut, srv.Connections(), h.reasons())
	}
}

// Who says more while it connects is not waited with for a CONNECT that it is never told,
// because its connection closes.
func TestNobodyWaitsForTheConnectOfAConnectionThatCloses(t *testing.T) {
	t.Parallel()
	for _, packet := range []string{`42/a,["e"]`, `41/a,`, `40/a,`} {
		srv, h, url := start(t, sockets.Config{Engine: engineio.Config{WriteTimeout: time.Hour}})
		deaf := rawsio.DialDeaf(t, url, "/b")
		if err := deaf.WriteMessage(websocket.TextMessage, []byte(`40/a,{"closed":true}`)); err != nil {
			t.Fatal(err)
		}
		everyone := sockets.Audience{Everyone: true}
		testenv.WaitFor(t, rawsio.Patience, "the socket", func() bool { return srv.Count("/a", everyone) == 1 })
		heard := make(chan struct{})
		go func() {
			defer close(heard)
			srv.Find("/a", everyone)[0].Hear(packet[1:])
		}()
		select {
		case <-heard:
		case <-time.After(rawsio.Patience):
			t.Errorf("%s: still waits", packet)
		}
		_ = deaf.Close()
		testenv.WaitFor(t, rawsio.Patience, "the ends", func() bool { return len(h.reasons()) == 2 })
		if got := h.heard(); len(got) > 0 || h.connecting.Load() != 2 {
			t.Errorf("%s: heard %v after %d were let in", packet, got, h.connecting.Load())
		}
	}
}
