package socketio_test

import (
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/example/switchyard/internal/auth"
	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/cors"
	"github.com/example/switchyard/internal/emitter"
	"github.com/example/switchyard/internal/metrics"
	"github.com/example/switchyard/internal/rawsio"
	"github.com/example/switchyard/internal/schema"
	"github.com/example/switchyard/internal/testenv"
	"github.com/example/switchyard/transport/socketio"
	"github.com/example/switchyard/transport/socketio/sockets"
)

// A fakeClock goes on when the test says so.
type fakeClock struct {
	mu     sync.Mutex
	now    time.Time
	timers []*fakeTimer
}

type fakeTimer struct {
	clock *fakeClock
	at    time.Time
	f     func()
}

func (t *fakeTimer) Stop() bool {
	t.clock.mu.Lock()
	defer t.clock.mu.Unlock()
	was := t.f != nil
	t.f = nil
	return was
}

func (c *fakeClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *fakeClock) After(d time.Duration, f func()) interface{ Stop() bool } {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := &fakeTimer{c, c.now.Add(d), f}
	c.timers = append(c.timers, t)
	return t
}

func (c *fakeClock) advance(d time.Duration) {
	c.mu.Lock()
	c.now = c.now.Add(d)
	var due []func()
	for _, t := range c.timers {
		if t.f != nil && !t.at.After(c.now) {
			due, t.f = append(due, t.f), nil
		}
	}
	c.mu.Unlock()
	for _, f := range due {
		f()
	}
}

// armed counts the timers that were not stopped.
func (c *fakeClock) armed() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for _, t := range c.timers {
		if t.f != nil {
			n++
		}
	}
	return n
}

func TestASocketDoesNotOutliveItsToken(t *testing.T) {
	t.Parallel()
	secret := strings.Repeat("s", 32)
	c, err := schema.Compile(contract.NewCatalog(routes()))
	if err != nil {
		t.Fatal(err)
	}
	lanes, now := &fakeLanes{}, &fakeClock{now: time.Now()}
	g := socketio.New(c, lanes, auth.New(auth.Config{Mode: auth.JWT, Secret: secret}), cors.Policy{}, sockets.Config{}, metrics.New(), slog.New(slog.DiscardHandler))
	g.SetClock(now.Now, now.After)
	web := httptest.NewServer(g)
	defer web.Close()
	connect := func(user string, expires time.Duration) *rawsio.Client {
		token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"sub": user, "exp": now.Now().Add(expires).Unix()}).SignedString([]byte(secret))
		if err != nil {
			t.Fatal(err)
		}
		client := rawsio.Dial(t, web.URL)
		client.Connect("/board", `{"token":"`+token+`"}`)
		return client
	}
	short, long, gone := connect("alice", time.Minute), connect("bob", time.Hour), connect("carol", time.Hour)
	g.Move("/board", emitter.Audience{Users: []string{"alice"}}, []string{"b1"}, false)
	now.advance(50 * time.Second)
	wait := short.Begin("/board", "list", `{}`)
	_, answer := lanes.command(t, 0)
	answer(broker.Reply{Body: []byte(`{}`)})
	if got := wait(); got != `{}` {
		t.Errorf("before: %s", got)
	}
	now.advance(20 * time.Second)
	if got := short.Expect("/board", "error"); !strings.Contains(got, `"code":"unauthenticated"`) || !strings.Contains(got, "has expired") {
		t.Errorf("the reason is %s", got)
	}
	short.Disconnected("/board")
	lanes.departures(t, 1)
	gone.Close()
	testenv.WaitFor(t, 20*time.Second, "the timer of who has gone to be stopped", func() bool { return now.armed() == 1 })
	long.Begin("/board", "list", `{}`)
	lanes.command(t, 1)
}
