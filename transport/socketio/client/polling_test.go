package client_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/example/switchyard/transport/socketio/client"
)

// polled is a server over polling that lets a client in, and leaves what follows to a test.
func polled(t *testing.T, rest http.HandlerFunc) string {
	t.Helper()
	var polls, posts atomic.Int64
	asked := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case !r.URL.Query().Has("sid"):
			fmt.Fprint(w, `0{"sid":"e1","upgrades":[],"pingInterval":25000,"pingTimeout":20000}`)
		case r.Method == http.MethodPost && posts.Add(1) == 1: // CONNECT
			close(asked)
			fmt.Fprint(w, "ok")
		case r.Method == http.MethodGet && polls.Add(1) == 1:
			<-asked
			fmt.Fprint(w, `40/hall,{"sid":"s1"}`)
		default:
			rest(w, r)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// What a proxy says in place of the server ends the connection: who asked on would be
// answered at once, again and again.
func TestAnswersThatAreNotTheServers(t *testing.T) {
	t.Parallel()
	for _, answer := range []string{"<html>We will be back soon</html>", `0{"sid":"another"}`, "9"} {
		c := dial(t, polled(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, answer) }),
			client.Transports(client.Polling), client.Reconnect(client.Reconnection{Off: true}))
		within(t, "the end", c.Done())
		if !errors.Is(c.Err(), client.ErrProtocol) {
			t.Errorf("%s: %v", answer, c.Err())
		}
	}
}
