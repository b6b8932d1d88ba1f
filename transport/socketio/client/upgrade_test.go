package client_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/example/switchyard/internal/testenv"
	"github.com/example/switchyard/transport/socketio/client"
)

// A websocket that hangs while it tries to take over does not hide that polling has lost the
// connection.
func TestAnUpgradeThatHangsHidesNoLoss(t *testing.T) {
	t.Parallel()
	for name, polls := range map[string][]string{
		"while polls wait":     {`40/hall,{"sid":"s1"}`},
		"after a poll's pause": {`40/hall,{"sid":"s1"}`, "6"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var next atomic.Int64
			asked, hangs, end := make(chan struct{}), make(chan struct{}), make(chan struct{})
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				q := r.URL.Query()
				switch {
				case q.Get("transport") == client.WebSocket:
					close(hangs)
					<-end
				case !q.Has("sid"):
					fmt.Fprint(w, `0{"sid":"e1","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000}`)
				case r.Method == http.MethodPost: // CONNECT, and nothing else
					close(asked)
					fmt.Fprint(w, "ok")
				default:
					<-asked
					if n := int(next.Add(1)) - 1; n < len(polls) {
						fmt.Fprint(w, polls[n])
						return
					}
					<-hangs
					http.Error(w, "no such session", http.StatusBadRequest)
				}
			}))
			t.Cleanup(server.Close)
			t.Cleanup(func() { close(end) })
			c := dial(t, server.URL, client.Transports(client.Polling, client.WebSocket), client.Reconnect(client.Reconnection{Off: true}))
			begin := time.Now()
			within(t, "the end", c.Done())
			if took := time.Since(begin); took > time.Second+testenv.Late || !errors.Is(c.Err(), client.ErrDisconnected) {
				t.Errorf("it ended after %s with %v", took, c.Err())
			}
		})
	}
}
