package client_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
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

// Who is sent elsewhere does not go there: a post would lose what it brings, and a header may
// be a secret.
func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	var visits atomic.Int64
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		visits.Add(1)
		fmt.Fprint(w, "ok")
	}))
	t.Cleanup(elsewhere.Close)
	away := func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, http.StatusFound) }
	server := httptest.NewServer(http.HandlerFunc(away))
	t.Cleanup(server.Close)
	polling := client.Transports(client.Polling)
	if _, err := client.Dial(soon(t), server.URL, hall, polling); !errors.Is(err, client.ErrUnreachable) || !strings.Contains(err.Error(), "302 Found") {
		t.Error(err)
	}
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		c := dial(t, polled(t, func(w http.ResponseWriter, r *http.Request) {
			switch r.Method {
			case method:
				away(w, r)
			case http.MethodGet:
				<-r.Context().Done()
			default:
				fmt.Fprint(w, "ok")
			}
		}), polling, client.Reconnect(client.Reconnection{Off: true}))
		if err := c.EmitRaw(soon(t), "news"); err != nil && !errors.Is(err, client.ErrDisconnected) {
			t.Error(err)
		}
		within(t, "the end", c.Done())
		if !strings.Contains(c.Err().Error(), "302 Found") {
			t.Errorf("%s: %v", method, c.Err())
		}
	}
	if n := visits.Load(); n > 0 {
		t.Errorf("it went elsewhere %d times", n)
	}
}
