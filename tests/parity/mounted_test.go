package parity

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/example/switchyard/internal/config"
	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/internal/node"
	"github.com/example/switchyard/internal/rawsio"
	"github.com/example/switchyard/internal/siotest/assemble"
	"github.com/example/switchyard/internal/testenv"
	web "github.com/example/switchyard/transport/http"
)

var (
	desk   = contract.Namespace{Name: "/desk", Doc: "For everyone."}
	office = contract.Namespace{Name: "/office", Doc: "For the staff."}
	rang   = contract.Event[text]{Namespace: office, Name: "rang", Doc: "Somebody rang at the desk."}
	press  = contract.Command[text, contract.None]{
		Namespace: desk, Event: "press", Operation: "desk.press", Doc: "Ring.", Raises: []contract.EventSpec{rang.Spec()},
		HTTP: contract.HTTP{Method: "POST", Path: "/v1/bell"},
	}
	listen = contract.Command[contract.None, contract.None]{Namespace: office, Event: "listen", Operation: "office.listen", Doc: "Listen."}
)

func deskRoutes() []contract.Route {
	return []contract.Route{
		press.Handle(func(_ context.Context, in text) (contract.None, []contract.Effect, error) {
			return contract.None{}, []contract.Effect{rang.Of(in).ToEveryone()}, nil
		}),
		listen.Handle(func(context.Context, contract.None) (contract.None, []contract.Effect, error) {
			return contract.None{}, nil, nil
		}),
	}
}

// whole is a node that is all in one, not started.
func whole(t *testing.T, mounts ...string) *node.Node {
	t.Helper()
	cfg, err := config.Defaults()
	if err != nil {
		t.Fatal(err)
	}
	cfg.RedisURL, cfg.NodeID, cfg.CORSOrigins, cfg.Sockets.Mounts = testenv.Redis(t), "one", []string{"https://app.example"}, mounts
	n, closeAll, err := assemble.Node(t.Context(), cfg, t.Output(), func(assemble.Ports) *contract.Catalog { return contract.NewCatalog(deskRoutes()) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(closeAll)
	return n
}

func get(t *testing.T, method, url string, header ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

// The whole service behind a prefix of somebody's server, with its hooks, files and the
// server's own handler below.
func TestMountedInAnotherServer(t *testing.T) {
	t.Parallel()
	n := whole(t)
	said := make(chan string, 10)
	n.Hooks = []contract.Hook{{
		Name:    "ledger",
		OnStart: func(context.Context) error { said <- "start"; return nil },
		Run:     func(ctx context.Context) error { said <- "run"; <-ctx.Done(); said <- "ran"; return nil },
		OnStop:  func(context.Context) error { said <- "stop"; return nil },
	}}
	n.Pages = web.Pages{
		Files: fstest.MapFS{"hello.txt": &fstest.MapFile{Data: []byte("hello")}, "socket.io/x": &fstest.MapFile{Data: []byte("hidden by Socket.IO")}},
		Other: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "theirs "+r.URL.Path) }),
	}
	server := httptest.NewServer(http.StripPrefix("/rt", n.Handler()))
	defer server.Close()
	if err := n.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	for path, part := range map[string]string{"/rt/hello.txt": "hello", "/rt/other": "theirs /other", "/rt/socket.io/x": `"code":5`, "/rt/readyz": "ok"} {
		if _, body := get(t, http.MethodGet, server.URL+path); !strings.Contains(body, part) {
			t.Errorf("%s: %s, want %s", path, body, part)
		}
	}
	c, err := rawsio.TryDialAt(t, server.URL, "/rt/socket.io/")
	if err != nil {
		t.Fatal(err)
	}
	c.Connect("/office", "")
	c.Connect("/desk", "")
	want(t, c.Call("/desk", "press", `{"text":"ding"}`), `{}`)
	want(t, c.Expect("/office", "rang"), `{"text":"ding"}`)
	if err := n.Stop(context.WithoutCancel(t.Context())); err != nil {
		t.Error(err)
	}
	for _, wanted := range []string{"start", "run", "ran", "stop"} {
		want(t, <-said, wanted)
	}
}

// Two gateways on one port: each has its path, its origins and its namespaces, and what
// happens on the one is heard on the other.
func TestTwoGatewaysOnOnePort(t *testing.T) {
	t.Parallel()
	n := whole(t, "/staff.io/?namespace=/office&origin=https://staff.example")
	server := httptest.NewServer(n.Handler())
	defer server.Close()
	if err := n.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := n.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	}()
	for _, tc := range []struct {
		path, origin string
		allowed      bool
	}{
		{"/socket.io/", "https://app.example", true}, {"/socket.io/", "https://staff.example", false},
		{"/staff.io/", "https://staff.example", true}, {"/staff.io/", "https://app.example", false},
	} {
		resp, body := get(t, http.MethodGet, server.URL+tc.path+"?EIO=4&transport=polling", "Origin", tc.origin)
		if read := resp.Header.Get("Access-Control-Allow-Origin") == tc.origin; read != tc.allowed || strings.HasPrefix(body, "0{") != tc.allowed {
			t.Errorf("%s from %s: %v %s", tc.path, tc.origin, resp.Header, body)
		}
	}
	staff, err := rawsio.TryDialAt(t, server.URL, "/staff.io/", http.Header{"Origin": {"https://staff.example"}})
	if err != nil {
		t.Fatal(err)
	}
	public := rawsio.Dial(t, server.URL)
	for c, ns := range map[*rawsio.Client]string{public: "/office", staff: "/desk"} {
		if _, refused := c.TryConnect(ns, ""); !strings.Contains(refused, "Invalid namespace") {
			t.Errorf("%s on the wrong path: %s", ns, refused)
		}
	}
	staff.Connect("/office", "")
	public.Connect("/desk", "")
	want(t, public.Call("/desk", "press", `{"text":"ding"}`), `{}`)
	want(t, staff.Expect("/office", "rang"), `{"text":"ding"}`)
	wantCode(t, public.Call("/desk", "listen", `{}`), fault.NotFound)
}

func TestAMountOfAnUnknownNamespaceIsAMistake(t *testing.T) {
	t.Parallel()
	n := whole(t, "/x.io/?namespace=/nowhere")
	if err := n.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "the gateway at /x.io/ is for the namespace /nowhere, which no use case declares") {
		t.Errorf("%v", err)
	}
}
