package sockets_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/example/switchyard/internal/rawsio"
	"github.com/example/switchyard/transport/socketio/sockets"
)

func TestEventsBeyondTheRateAreAnsweredAndNotRead(t *testing.T) {
	t.Parallel()
	over(t, func(t *testing.T, dial func(string) *rawsio.Client) {
		_, h, url := start(t, sockets.Config{EventRate: 1}) // and two at once
		c, other := dial(url), dial(url)
		c.Connect("/a", "")
		c.Connect("/b", "")
		other.Connect("/a", "")
		for i, want := range []string{`1`, `1`, `"limit 1"`, `"limit 1"`} {
			if got := c.Call([]string{"/a", "/b"}[i%2], "e", `1`); got != want {
				t.Errorf("event %d: %s, want %s", i, got, want)
			}
		}
		c.Send(`42/a,7["e",{"broken":]`) // what is refused is not decoded, and so not found out
		c.Send(`42/b,8no array`)
		if got := c.Call("/a", "e", `1`); got != `"limit 1"` {
			t.Errorf("after malformed ones: %s", got)
		}
		if got := other.Call("/a", "e", `2`); got != `2` {
			t.Errorf("somebody else: %s", got)
		}
		if diff := cmp.Diff([]string{"e1", "e1", "e2"}, h.heard()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestEventsBeyondTheOpenOnesAreAnswered(t *testing.T) {
	t.Parallel()
	_, _, url := start(t, sockets.Config{EventsOpen: 2})
	c := rawsio.Dial(t, url)
	c.Connect("/a", "")
	for i := range 20 { // what is answered makes room
		if got := c.Call("/a", "e", fmt.Sprint(i)); got != fmt.Sprint(i) {
			t.Fatalf("event %d: %s", i, got)
		}
	}
	c.Emit("/a", "hold", `0`)
	if got := c.Call("/a", "release", `1`); got != `1` {
		t.Errorf("the second of two: %s", got)
	}
	c.Emit("/a", "hold", `0`)
	c.Emit("/a", "hold", `0`)
	for range 3 {
		if got := c.Call("/a", "release", `1`); got != `"limit 2"` {
			t.Errorf("the third of two: %s", got)
		}
	}
}

// Who floods without asking for acknowledgements is not flooded in turn.
func TestErrorEventsOfAFloodAreBounded(t *testing.T) {
	t.Parallel()
	_, h, url := start(t, sockets.Config{EventRate: 1})
	c := rawsio.Dial(t, url)
	c.Connect("/a", "")
	begin := time.Now()
	for range 5000 {
		c.Send(`42/a,["e",1]`)
	}
	c.Send(`451-/a,["e",{"_placeholder":true,"num":0}]`) // its attachment comes in any case
	c.SendBinary([]byte{1})
	c.Call("/a", "e", `1`)
	most := 1 + int(time.Since(begin)/time.Second)
	errors := slices.DeleteFunc(c.Heard(), func(p string) bool { return !strings.HasPrefix(p, `42/a,["error"`) })
	if len(errors) < 1 || len(errors) > most {
		t.Errorf("%d error events, at most %d expected", len(errors), most)
	}
	if n := len(h.heard()); n < 2 || n > 2*most+1 {
		t.Errorf("%d events came through", n)
	}
}

// Who comes joins all its namespaces at once; who asks for more and more is held to the rate.
func TestConnectsBeyondTheRateAreRefused(t *testing.T) {
	t.Parallel()
	for name, ask := range map[string]string{"let in": "", "refused": `{"refuse":true}`} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv, h, url := start(t, sockets.Config{EventRate: 1, MaxNamespaces: 3})
			c := rawsio.Dial(t, url)
			begin := time.Now()
			for range 60 {
				if _, refused := c.TryConnect("/a", ask); refused == "" {
					c.Send("41/a,")
				}
				c.Forget("/a")
			}
			most := 3 + 2 + 1 + int64(time.Since(begin)/time.Second)
			if n := h.connecting.Load(); n < 5 || n > most {
				t.Errorf("%d were asked about, at most %d expected", n, most)
			}
			told := strings.Count(strings.Join(c.Heard(), " "), `"message":"exhausted"`)
			if want := 60 - int(h.connecting.Load()); told != want || srv.Refused(sockets.RateLimit) != uint64(want) {
				t.Errorf("%d of %d were refused, %d are counted", told, want, srv.Refused(sockets.RateLimit))
			}
		})
	}
}
