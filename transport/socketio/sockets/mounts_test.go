package sockets_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/example/switchyard/internal/rawsio"
	"github.com/example/switchyard/transport/socketio/sockets"
)

// Each mount has its own rules, and all share sockets and rooms.
func TestMounts(t *testing.T) {
	t.Parallel()
	srv, _, url := start(t, sockets.Config{
		Serves: func(namespace string) bool { return namespace != "/b" },
		Mounts: []sockets.Mount{{
			Path: "/admin.io/", Transports: []string{"websocket"}, Serves: func(namespace string) bool { return namespace == "/b" },
			Allow: func(r *http.Request) error {
				if r.Header.Get("Origin") != "https://ops.example" {
					return errors.New("not from there")
				}
				return nil
			},
		}},
	})
	if got := srv.Paths(); !slices.Equal(got, []string{"/socket.io/", "/admin.io/"}) {
		t.Errorf("mounted at %v", got)
	}
	ops := http.Header{"Origin": {"https://ops.example"}}
	if _, err := rawsio.TryDialAt(t, url, "/admin.io/"); err == nil {
		t.Error("another origin was let in")
	}
	admin, err := rawsio.TryDialAt(t, url, "/admin.io/", ops)
	if err != nil {
		t.Fatal(err)
	}
	client := rawsio.Dial(t, url, ops)
	client.Connect("/a", "")
	admin.Connect("/b", "")
	for c, ns := range map[*rawsio.Client]string{client: "/b", admin: "/a"} {
		if _, refused := c.TryConnect(ns, ""); !strings.Contains(refused, `"message":"Invalid namespace"`) {
			t.Errorf("%s on the wrong path: %s", ns, refused)
		}
	}
	srv.Broadcast("/b", sockets.Audience{Everyone: true}, "news", sockets.JSON(json.RawMessage(`1`)), false)
	admin.Expect("/b", "news")
	if srv.Connections() != 2 {
		t.Errorf("%d connections", srv.Connections())
	}
	w := httptest.NewRecorder()
	srv.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/admin.io/?EIO=4&transport=polling", nil))
	if !strings.Contains(w.Body.String(), "Transport unknown") {
		t.Errorf("polling: %s", w.Body)
	}
}
