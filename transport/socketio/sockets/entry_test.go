package sockets_test

import (
	"testing"
	"time"

	"github.com/example/switchyard/internal/rawsio"
	"github.com/example/switchyard/internal/testenv"
	"github.com/example/switchyard/transport/socketio/engineio"
	"github.com/example/switchyard/transport/socketio/sockets"
)

// Whoever is being let in when the time is over is told the answer, and stays if it is yes.
func TestTheTimeToConnectIsTheClientsOwn(t *testing.T) {
	t.Parallel()
	over(t, func(t *testing.T, dial func(string) *rawsio.Client) {
		srv, h, url := start(t, sockets.Config{ConnectTimeout: time.Second})
		yes, no := dial(url), dial(url)
		for c, auth := range map[*rawsio.Client]string{yes: `{"late":"yes"}`, no: `{"late":"no"}`} {
			go func() { _ = c.TrySend("40/a," + auth) }() // a post waits for the answer
		}
		testenv.WaitFor(t, rawsio.Patience, "both to be asked about", func() bool { return h.connecting.Load() == 2 })
		_ = dial(url).Ended() // it came last, and asks for nothing: the time of the others is over
		close(h.gate)
		no.ExpectHeard(`44/a,{"data":null,"message":"internal"}`)
		_ = no.Ended()
		testenv.WaitFor(t, rawsio.Patience, "the others to have gone", func() bool { return srv.Connections() == 1 })
		yes.Call("/a", "e", `1`)
	})
}

// The "/" that clients of protocol 3 are in by themselves is no namespace that lets them in.
func TestClientsOfProtocol3ThatAreLetInNowhereAreClosed(t *testing.T) {
	t.Parallel()
	srv, _, url := start(t, sockets.Config{ConnectTimeout: time.Second, Engine: engineio.Config{AllowEIO3: true}})
	in, silent, lost := rawsio.Dial3(t, url), rawsio.Dial3(t, url), rawsio.Dial3(t, url)
	in.Send("40/a,")
	in.ExpectHeard("40/a,")
	lost.Send("40/nowhere,")
	_, _ = silent.Ended(), lost.Ended()
	testenv.WaitFor(t, rawsio.Patience, "two to have gone", func() bool { return srv.Connections() == 1 })
	if got := in.Call("/a", "e", `1`); got != `1` {
		t.Errorf("answered %s", got)
	}
}
