package socketio_test

import (
	"log/slog"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/example/switchyard/internal/auth"
	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/cors"
	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/internal/metrics"
	"github.com/example/switchyard/internal/rawsio"
	"github.com/example/switchyard/internal/schema"
	"github.com/example/switchyard/internal/testenv"
	"github.com/example/switchyard/transport/socketio"
	"github.com/example/switchyard/transport/socketio/sockets"
)

// withTokens starts a gateway that wants tokens, and where who is banned may not connect.
// token makes an auth object with one.
func withTokens(t *testing.T) (lanes *fakeLanes, now *fakeClock, url string, token func(user, tenant string, expires time.Duration, roles ...string) string) {
	t.Helper()
	secret := strings.Repeat("s", 32)
	c, err := schema.Compile(contract.NewCatalog(routes()).Use(contract.Policy{Connect: []contract.Guard[contract.Connecting]{{
		Name: "not-banned", Allow: func(by contract.Caller, _ contract.Connecting) error {
			if by.HasRole("banned") {
				return fault.New(fault.Forbidden, "you are banned")
			}
			return nil
		},
	}}}))
	if err != nil {
		t.Fatal(err)
	}
	lanes, now = &fakeLanes{}, &fakeClock{now: time.Now()}
	g := socketio.New(c, lanes, auth.New(auth.Config{Mode: auth.JWT, Secret: secret}), cors.Policy{}, sockets.Config{}, metrics.New(), slog.New(slog.DiscardHandler))
	g.SetClock(now.Now, now.After)
	web := httptest.NewServer(g)
	t.Cleanup(web.Close)
	return lanes, now, web.URL, func(user, tenant string, expires time.Duration, roles ...string) string {
		claims := jwt.MapClaims{"sub": user, "exp": now.Now().Add(expires).Unix(), "tenant": tenant, "roles": roles}
		signed, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte(secret))
		if err != nil {
			t.Error(err)
		}
		return `{"token":"` + signed + `"}`
	}
}

func TestATokenIsRefreshedInPlace(t *testing.T) {
	t.Parallel()
	lanes, now, url, token := withTokens(t)
	c := rawsio.Dial(t, url)
	id := c.Connect("/board", token("alice", "acme", time.Hour, "staff"))
	now.advance(50 * time.Minute)
	if got := c.Call("/board", contract.Refresh, token("alice", "acme", time.Hour, "admin", "boss")); got != `{}` {
		t.Fatalf("answered %s", got)
	}
	if n := now.armed(); n != 1 {
		t.Errorf("%d timers", n)
	}
	c.Begin("/board", "list", `{}`)
	got, _ := lanes.command(t, 0)
	if got.Caller.UserID != "alice" || got.Caller.Tenant != "acme" || got.Caller.Socket != id || !slices.Equal(got.Caller.Roles, []string{"admin", "boss"}) {
		t.Errorf("the caller is %+v", got.Caller)
	}
	now.advance(30 * time.Minute) // when the first has expired
	c.Begin("/board", "list", `{}`)
	lanes.command(t, 1)
	now.advance(40 * time.Minute)
	if got := c.Expect("/board", "error"); !strings.Contains(got, "has expired") {
		t.Errorf("the reason is %s", got)
	}
	c.Disconnected("/board")
}

// A token that is refused changes nothing: neither who the caller is, nor until when.
func TestATokenThatIsRefusedChangesNothing(t *testing.T) {
	t.Parallel()
	lanes, now, url, token := withTokens(t)
	c := rawsio.Dial(t, url)
	c.Connect("/board", token("alice", "acme", time.Hour, "staff"))
	for auth, code := range map[string]fault.Code{
		token("bob", "acme", 2*time.Hour):              fault.Forbidden,
		token("alice", "other", 2*time.Hour):           fault.Forbidden,
		token("alice", "", 2*time.Hour):                fault.Forbidden,
		token("alice", "acme", 2*time.Hour, "banned"):  fault.Forbidden,
		token("alice", "acme", -time.Hour, "admin"):    fault.Unauthenticated,
		token("alice", "acme", time.Hour, "a\x1b[31m"): fault.Unauthenticated,
		`{"token":"forged"}`:                           fault.Unauthenticated,
		`{"user":"alice","tenant":"acme"}`:             fault.Unauthenticated,
		`{}`:                                           fault.Unauthenticated,
		`"token"`:                                      fault.Unauthenticated,
		`{},{}`:                                        fault.Invalid,
	} {
		if p := problem(t, c.Call("/board", contract.Refresh, auth)); p.Code != code {
			t.Errorf("%.40s: %+v, want %s", auth, p, code)
		}
	}
	c.Emit("/board", contract.Refresh, `{}`)
	if p := problem(t, c.Expect("/board", "error")); p.Code != fault.Unauthenticated {
		t.Errorf("without an acknowledgement: %+v", p)
	}
	c.Begin("/board", "list", `{}`)
	if got, _ := lanes.command(t, 0); !slices.Equal(got.Caller.Roles, []string{"staff"}) {
		t.Errorf("the caller is %+v", got.Caller)
	}
	now.advance(61 * time.Minute)
	c.Disconnected("/board")
}

// A refresh that comes as the token expires either keeps the socket or is refused.
func TestARefreshAsTheTokenExpires(t *testing.T) {
	t.Parallel()
	_, now, url, token := withTokens(t)
	for range 20 {
		c := rawsio.Dial(t, url)
		c.Connect("/board", token("alice", "acme", 10*time.Minute))
		renewed := token("alice", "acme", 20*time.Minute)
		var wg sync.WaitGroup
		wg.Go(func() { now.advance(11 * time.Minute) })
		wait := c.Begin("/board", contract.Refresh, renewed)
		wg.Wait()
		testenv.WaitFor(t, 20*time.Second, "the timer to be the new one, or none", func() bool { return now.armed() <= 1 })
		if now.armed() == 1 {
			if got := wait(); got != `{}` {
				t.Errorf("answered %s", got)
			}
		}
		c.Close()
		testenv.WaitFor(t, 20*time.Second, "no timer", func() bool { return now.armed() == 0 })
	}
}

// Without authentication it works the same, so that clients can be developed.
func TestRefreshWithoutAuthentication(t *testing.T) {
	t.Parallel()
	_, lanes, url := start(t)
	c := rawsio.Dial(t, url)
	c.Connect("/board", `{"user":"alice"}`)
	if got := c.Call("/board", contract.Refresh, `{"user":"alice","roles":["staff"]}`); got != `{}` {
		t.Errorf("answered %s", got)
	}
	if p := problem(t, c.Call("/board", contract.Refresh, `{"user":"bob"}`)); p.Code != fault.Forbidden {
		t.Errorf("%+v", p)
	}
	if p := problem(t, c.Call("/board", contract.Refresh, `{}`)); p.Code != fault.Forbidden { // a guest
		t.Errorf("%+v", p)
	}
	c.Begin("/board", "list", `{}`)
	if got, _ := lanes.command(t, 0); !got.Caller.HasRole("staff") {
		t.Errorf("the caller is %+v", got.Caller)
	}
}
