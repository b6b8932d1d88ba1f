package tests

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/example/switchyard/internal/config"
	"github.com/example/switchyard/internal/rawsio"
	"github.com/example/switchyard/internal/siotest"
	"github.com/example/switchyard/internal/testenv"
)

// What an operator may not do, or does not say rightly, is refused and changes nothing.
func TestAdminsAreHeldToTheSettings(t *testing.T) {
	t.Parallel()
	node := administer(t, 1, func(a *config.AdminUI) { a.Mode = "production"; a.ReadOnly = true })[0]
	alice := rawsio.Dial(t, node.URL)
	id := alice.Connect("/chat", `{"user":"alice"}`)
	admin := logIn(t, node)
	var cfg struct{ SupportedFeatures []string }
	if admin.hears("config", &cfg); !slices.Equal(cfg.SupportedFeatures, []string{"AGGREGATED_EVENTS"}) {
		t.Errorf("features %v", cfg.SupportedFeatures)
	}
	if got := admin.Call("/admin", "_disconnect", `"/chat",false,"`+id+`"`); !strings.Contains(got, `"code":"forbidden"`) {
		t.Error(got)
	}
	alice.Call("/chat", "join", `{"room":"lobby"}`)
	counted := map[string]int{}
	for counted["packetsIn"] == 0 || counted["bytesOut"] == 0 { // since the operator looks on
		alice.Call("/chat", "typing", `{"room":"lobby"}`)
		var s struct {
			AggregatedEvents []struct {
				Timestamp int64
				Type      string
				Count     int
			}
		}
		admin.hears("server_stats", &s)
		for _, e := range s.AggregatedEvents {
			counted[e.Type] += e.Count
		}
	}
	for _, e := range admin.Events() {
		if e.Name != "server_stats" {
			t.Errorf("an event of development: %v", e)
		}
	}
}

func TestAdminsActionsAreChecked(t *testing.T) {
	t.Parallel()
	node := administer(t, 1, asItIs)[0]
	admin := logIn(t, node)
	for action, args := range map[string]string{
		"emit":        `"/chat",null,"disconnect"`,
		"join":        `"/chat",""`,
		"leave":       `"chat","lobby"`,
		"_disconnect": `"/chat","yes"`,
	} {
		if got := admin.Call("/admin", action, args); !strings.Contains(got, `"code":"invalid"`) {
			t.Errorf("%s %s: %s", action, args, got)
		}
	}
	if got := admin.Call("/admin", "shutdown", `null`); !strings.Contains(got, `"code":"not_found"`) {
		t.Error(got)
	}
}

// Who acts is told which nodes would not.
func TestAdminsHearWhoDidNotAct(t *testing.T) {
	t.Parallel()
	first := administer(t, 1, asItIs)[0]
	for name, mode := range map[string]func(*config.AdminUI){"looks": func(a *config.AdminUI) { a.ReadOnly = true }, "none": func(a *config.AdminUI) { *a = config.AdminUI{} }} {
		administer(t, 1, mode, siotest.Redis(first.RedisURL), siotest.With(func(c *config.Config) { c.NodeID = name }))
	}
	if got := logIn(t, first).Call("/admin", "join", `"/chat","vip"`); got != `{"sockets":0,"missing":["looks","none"]}` {
		t.Error(got)
	}
}

// Who has logged in on one node is known on all of them, and nobody else gets in.
func TestAdminsLogIn(t *testing.T) {
	t.Parallel()
	nodes := administer(t, 2, asItIs)
	session := logIn(t, nodes[0]).session
	rawsio.Dial(t, nodes[1].AdminURL).Connect("/admin", `{"sessionId":"`+session+`"}`)
	for _, auth := range []string{``, `{"sessionId":"` + session[1:] + `"}`, `{"username":"root","password":"guess"}`} {
		if _, why := rawsio.Dial(t, nodes[1].AdminURL).TryConnect("/admin", auth); !strings.Contains(why, `"message":"invalid credentials"`) {
			t.Errorf("%s: %q", auth, why)
		}
	}
	if _, why := rawsio.Dial(t, nodes[0].URL).TryConnect("/admin", `{"sessionId":"`+session+`"}`); why == "" {
		t.Error("there is an /admin on the public port")
	}
	if _, err := rawsio.TryDial(t, nodes[0].AdminURL, http.Header{"Origin": {"https://evil.example"}}); err == nil {
		t.Error("a page of somebody else may connect")
	}
}

// sees waits until the operator knows of sockets of these users, by all that was said of them.
func (o operator) sees(want ...string) {
	o.t.Helper()
	testenv.WaitFor(o.t, rawsio.Patience, fmt.Sprint("sockets of ", want), func() bool {
		users := map[string]string{} // by the socket's id
		for _, e := range o.Events() {
			args := []byte("[" + string(e.Payload) + "]")
			var all []shownSocket
			var came shownSocket
			var gone string
			switch {
			case e.Name == "all_sockets" && json.Unmarshal(args, &[]any{&all}) == nil:
				clear(users)
				for _, s := range all {
					users[s.ID] = s.Data.User
				}
			case e.Name == "socket_connected" && json.Unmarshal(args, &[]any{&came}) == nil:
				users[came.ID] = came.Data.User
			case e.Name == "socket_disconnected" && json.Unmarshal(args, &[]any{new(string), &gone}) == nil:
				delete(users, gone)
			}
		}
		return slices.Equal(slices.Sorted(maps.Values(users)), want)
	})
}

// The UI is told anew what there is when a node has come, and when one has gone.
func TestAdminsSeeNodesComeAndGo(t *testing.T) {
	t.Parallel()
	first := administer(t, 1, asItIs)[0]
	admin := logIn(t, first)
	admin.hears("all_sockets", &[]shownSocket{})
	second := administer(t, 1, asItIs, siotest.Redis(first.RedisURL), siotest.With(func(c *config.Config) { c.NodeID = "second" }))[0]
	rawsio.Dial(t, first.URL).Connect("/chat", `{"user":"alice"}`)
	rawsio.Dial(t, second.URL).Connect("/chat", `{"user":"bob"}`)
	admin.sees("alice", "bob")
	second.Stop()
	admin.sees("alice")
}
