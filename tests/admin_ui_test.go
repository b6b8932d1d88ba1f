package tests

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/example/switchyard/internal/config"
	"github.com/example/switchyard/internal/rawsio"
	"github.com/example/switchyard/internal/siotest"
	"github.com/example/switchyard/internal/testenv"
)

// adminHash is of the password "open sesame".
const adminHash = "$2a$10$5BApy.WsSF/7BKsl9JZKQuBWKbsvpbQH3S.c9vBtGEeu4sQi43l6u"

// An administered node also serves its admin port.
type administered struct {
	*siotest.Server
	AdminURL string
}

// administer starts nodes with an Admin UI in development mode, but for what change says.
func administer(t *testing.T, nodes int, change func(*config.AdminUI), options ...siotest.Option) []administered {
	t.Helper()
	options = append(options, siotest.With(func(c *config.Config) {
		c.AdminUI.User, c.AdminUI.PasswordHash, c.AdminUI.Mode = "root", adminHash, "development"
		change(&c.AdminUI)
	}))
	var all []administered
	for _, s := range siotest.Cluster(t, nodes, options...) {
		web := httptest.NewServer(s.Node.Admin)
		t.Cleanup(web.Close)
		all = append(all, administered{s, web.URL})
	}
	return all
}

func asItIs(*config.AdminUI) {}

// An operator is who has logged in.
type operator struct {
	*rawsio.Client
	t       *testing.T
	session string
}

func logIn(t *testing.T, n administered) operator {
	t.Helper()
	o := operator{Client: rawsio.Dial(t, n.AdminURL), t: t}
	o.Connect("/admin", `{"username":"root","password":"open sesame"}`)
	o.hears("session", &o.session)
	return o
}

// hears waits for an event, and reads its arguments.
func (o operator) hears(event string, into ...any) {
	o.t.Helper()
	said := o.Expect("/admin", event)
	if err := json.Unmarshal([]byte("["+said+"]"), &into); err != nil {
		o.t.Fatalf("%s %s: %v", event, said, err)
	}
}

// hearsOf waits for an event about a socket: its id is that argument.
func (o operator) hearsOf(event, id string, at int) []any {
	o.t.Helper()
	for {
		var args []any
		if err := json.Unmarshal([]byte("["+o.Expect("/admin", event)+"]"), &args); err != nil || len(args) <= at {
			o.t.Fatalf("%s %v: %v", event, args, err)
		}
		if args[at] == id {
			return args
		}
	}
}

// does asks for an action, and returns how many sockets it was for.
func (o operator) does(action, args string) int {
	o.t.Helper()
	var done struct {
		Sockets *int
		Missing []string
	}
	answer := o.Call("/admin", action, args)
	if err := json.Unmarshal([]byte(answer), &done); err != nil || done.Sockets == nil || len(done.Missing) > 0 {
		o.t.Fatalf("%s %s: %s %v", action, args, answer, err)
	}
	return *done.Sockets
}

// A shownSocket is what the UI reads of a socket.
type shownSocket struct {
	ID, ClientID, Transport, NSP string
	Rooms                        []string
	Data                         struct{ User string }
	Handshake                    struct {
		Address        string
		Headers, Query map[string]string
		Issued         int64
	}
}

// Operators see the nodes, the sockets and what happens on them, wherever they are, and
// act on them from any node.
func TestAdminsSeeTheClusterAndAct(t *testing.T) {
	t.Parallel()
	nodes := administer(t, 2, asItIs)
	alice := rawsio.Dial(t, nodes[0].URL, http.Header{"Cookie": {"a=1"}, "X-Api-Key": {"hunter2"}, "Accept-Language": {"de"}})
	aliceID := alice.Connect("/chat", `{"user":"alice","password":"hunter2"}`)
	alice.Call("/chat", "join", `{"room":"lobby"}`)

	admin := logIn(t, nodes[1])
	var cfg struct{ SupportedFeatures []string }
	admin.hears("config", &cfg)
	if want := "EMIT JOIN LEAVE DISCONNECT MJOIN MLEAVE MDISCONNECT AGGREGATED_EVENTS ALL_EVENTS"; strings.Join(cfg.SupportedFeatures, " ") != want {
		t.Errorf("features %v", cfg.SupportedFeatures)
	}
	var all []shownSocket
	for len(all) == 0 { // the other node may answer late: then all are told again
		admin.hears("all_sockets", &all)
	}
	if len(all) != 1 || all[0].ID != aliceID || len(all[0].ClientID) != 12 || all[0].NSP != "/chat" || all[0].Transport != "websocket" ||
		all[0].Data.User != "alice" || !slices.Equal(all[0].Rooms, []string{"lobby", aliceID}) || all[0].Handshake.Address != "127.0.0.1" || all[0].Handshake.Issued == 0 {
		t.Errorf("sockets %+v", all)
	}
	if h := all[0].Handshake; h.Headers["Accept-Language"] != "de" || h.Headers["Cookie"] != "" || h.Query["EIO"] != "4" {
		t.Errorf("handshake %+v", h)
	}
	var servers []string
	for len(servers) < 2 {
		var s struct {
			ServerID, Hostname string
			PID, ClientsCount  int
			Namespaces         []struct{ Name string }
		}
		admin.hears("server_stats", &s)
		if s.Hostname == "" || s.PID == 0 || len(s.Namespaces) != 2 || s.ClientsCount != map[string]int{"node1": 1, "node2": 0}[s.ServerID] {
			t.Fatalf("%+v", s)
		}
		if !slices.Contains(servers, s.ServerID) {
			servers = append(servers, s.ServerID)
		}
	}

	bob := rawsio.Dial(t, nodes[0].URL)
	bobID := bob.Connect("/chat", `{"user":"bob"}`)
	bob.Connect("/tasks", `{"user":"bob"}`)
	var came shownSocket
	for came.ID != bobID {
		admin.hears("socket_connected", &came, new(string))
	}
	if came.Data.User != "bob" || !slices.Equal(came.Rooms, []string{bobID}) {
		t.Errorf("%+v", came)
	}
	bob.Call("/chat", "join", `{"room":"lobby"}`)
	admin.hearsOf("room_joined", bobID, 2)
	if got := admin.hearsOf("event_received", bobID, 1)[2]; !cmp.Equal(got, []any{"join", map[string]any{"room": "lobby"}}) {
		t.Errorf("event_received %v", got)
	}
	if got := admin.hearsOf("event_sent", aliceID, 1)[2].([]any); got[0] != "member.joined" {
		t.Errorf("event_sent %v", got)
	}

	if n := admin.does("join", `"/chat","vip","`+bobID+`"`); n != 1 {
		t.Errorf("%d sockets joined", n)
	}
	if got := admin.hearsOf("room_joined", bobID, 2); got[0] != "/chat" || got[1] != "vip" {
		t.Errorf("room_joined %v", got)
	}
	if n := admin.does("emit", `"/chat","vip","news",1,{"a":"b"}`); n != 1 {
		t.Errorf("emitted to %d sockets", n)
	}
	if got := bob.Expect("/chat", "news"); got != `1,{"a":"b"}` {
		t.Errorf("news %s", got)
	}
	if n := admin.does("emit", `"/chat",null,"nothing"`); n != 2 {
		t.Errorf("emitted to %d sockets", n)
	}
	if got := alice.Expect("/chat", "nothing"); got != "" {
		t.Errorf("nothing is %s", got)
	}
	if n := admin.does("leave", `"/chat","lobby"`); n != 2 {
		t.Errorf("%d sockets left", n)
	}
	admin.hearsOf("room_left", aliceID, 2)
	admin.does("_disconnect", `"/chat",false,"`+aliceID+`"`)
	alice.Disconnected("/chat")
	admin.hearsOf("room_left", aliceID, 2) // the room of its own id
	if got := admin.hearsOf("socket_disconnected", aliceID, 1); got[0] != "/chat" || got[2] != "server namespace disconnect" {
		t.Errorf("socket_disconnected %v", got)
	}
	admin.does("_disconnect", `"/chat",true,"vip"`)
	bob.Disconnected("/tasks")
	for _, e := range admin.Heard() {
		if strings.Contains(e, "hunter2") {
			t.Errorf("a secret: %s", e)
		}
	}
}

// The real UI, in a browser, on the admin port of one of two nodes. With -artifacts its
// pictures are kept.
func TestAdminUIInABrowser(t *testing.T) {
	t.Parallel()
	const what = "the Admin UI"
	browser := testenv.Chromium(t, what)
	testenv.NodeModules(t, what, "js")
	nodes := administer(t, 2, func(a *config.AdminUI) { a.Dir = "js/node_modules/@socket.io/admin-ui/ui/dist" })
	testenv.RunNode(t, what, "js", "admin.mjs", browser, nodes[1].AdminURL, nodes[0].URL, nodes[1].URL, t.ArtifactDir())
}
