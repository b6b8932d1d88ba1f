package tests

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/example/switchyard/internal/config"
	"github.com/example/switchyard/internal/rawsio"
	"github.com/example/switchyard/internal/siotest"
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

// The UI is told anew what there is when a node has come, and when one has gone.
func TestAdminsSeeNodesComeAndGo(t *testing.T) {
	t.Parallel()
	first := administer(t, 1, asItIs)[0]
	admin := logIn(t, first)
	sockets := func(want ...string) {
		t.Helper()
		for {
			var all []shownSocket
			admin.hears("all_sockets", &all)
			var users []string
			for _, s := range all {
				users = append(users, s.Data.User)
			}
			if slices.Sort(users); slices.Equal(users, want) {
				return
			}
		}
	}
	sockets()
	second := administer(t, 1, asItIs, siotest.Redis(first.RedisURL), siotest.With(func(c *config.Config) { c.NodeID = "second" }))[0]
	rawsio.Dial(t, first.URL).Connect("/chat", `{"user":"alice"}`)
	rawsio.Dial(t, second.URL).Connect("/chat", `{"user":"bob"}`)
	sockets("alice", "bob")
	second.Stop()
	sockets("alice")
}
