package http_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/example/switchyard/internal/auth"
	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/cors"
	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/internal/metrics"
	"github.com/example/switchyard/internal/schema"
	web "github.com/example/switchyard/transport/http"
)

var ns = contract.Namespace{Name: "/board", Doc: "Boards."}

type input struct {
	Board string   `json:"board" minLength:"1" maxLength:"8"`
	Line  int      `json:"line,omitempty"`
	Bold  bool     `json:"bold,omitempty"`
	Tags  []string `json:"tags,omitempty"`
	Text  string   `json:"text,omitempty"`
}

func routes(paths ...contract.HTTP) []contract.Route {
	var all []contract.Route
	for i, h := range paths {
		name := string(rune('a' + i))
		all = append(all, contract.Command[input, contract.None]{
			Namespace: ns, Event: name, Operation: "board." + name, Doc: "Do.", HTTP: h,
			Key: func(in input) string {
				if in.Text == "panic" {
					panic("secret")
				}
				return in.Board
			},
		}.Handle(func(context.Context, input) (contract.None, []contract.Effect, error) {
			return contract.None{}, nil, nil
		}))
	}
	return all
}

// lanes answers each command as its text says, or with its input.
type lanes struct {
	last atomic.Pointer[broker.Command]
}

func (l *lanes) Submit(c *broker.Command, done func(broker.Reply)) {
	l.last.Store(c)
	var in input
	_ = json.Unmarshal(c.Input, &in)
	switch in.Text {
	case "conflict":
		done(broker.ProblemReply(fault.New(fault.Conflict, "taken"), "id"))
	case "overloaded":
		done(broker.ProblemReply(fault.New(fault.Overloaded, "busy").After(1200*time.Millisecond), "id"))
	case "late":
		time.AfterFunc(time.Minute, func() { done(broker.Reply{Body: c.Input}) })
	case "overtaken":
		done(broker.Reply{Body: c.Input, Late: true})
		done(broker.ProblemReply(fault.New(fault.Timeout, "no answer in time"), "id"))
	case "never":
	default:
		done(broker.Reply{Body: c.Input})
	}
}

func serve(t *testing.T, mode string) (*lanes, *web.Health, http.Handler) {
	t.Helper()
	c, err := schema.Compile(contract.NewCatalog(routes(
		contract.HTTP{Method: "POST", Path: "/v1/boards/{board}"}, contract.HTTP{Method: "GET", Path: "/v1/boards/{board}"},
	)))
	if err != nil {
		t.Fatal(err)
	}
	l := &lanes{}
	log := slog.New(slog.DiscardHandler)
	health := web.NewHealth(log)
	s, err := web.New(c, l, auth.New(auth.Config{Mode: mode, Secret: strings.Repeat("s", 32)}), cors.Policy{Origins: []string{"https://app.example"}}, sockets{}, health, nil, nil, log)
	if err != nil {
		t.Fatal(err)
	}
	return l, health, s
}

func request(h http.Handler, method, target, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestPathAndQueryJoinTheBody(t *testing.T) {
	t.Parallel()
	_, _, h := serve(t, auth.None)
	for name, tc := range map[string]struct {
		method, target, body string
		status               int
		want                 string // part of the answer
	}{
		"body and path":   {"POST", "/v1/boards/b1", `{"line":3}`, 200, `{"board":"b1","line":3}`},
		"path alone":      {"POST", "/v1/boards/b%201", ``, 200, `{"board":"b 1"}`},
		"query":           {"GET", "/v1/boards/b1?line=3&bold=true&tags=x&tags=y", ``, 200, `{"board":"b1","bold":true,"line":3,"tags":["x","y"]}`},
		"number as text":  {"GET", "/v1/boards/b1?text=3", ``, 200, `{"board":"b1","text":"3"}`},
		"wrong type":      {"GET", "/v1/boards/b1?line=x", ``, 400, `"pointer":"/line"`},
		"unknown":         {"GET", "/v1/boards/b1?colour=red", ``, 400, `"pointer":"/colour"`},
		"given twice":     {"POST", "/v1/boards/b1", `{"board":"b2"}`, 400, `"pointer":"/board","detail":"is given twice`},
		"query twice":     {"GET", "/v1/boards/b1?line=1&line=2", ``, 400, `"pointer":"/line","detail":"is given twice`},
		"path too long":   {"POST", "/v1/boards/123456789", ``, 400, `"pointer":"/board"`},
		"no JSON":         {"POST", "/v1/boards/b1", `{`, 400, `not valid JSON`},
		"no object":       {"POST", "/v1/boards/b1", `[]`, 400, `must be of type object`},
		"null":            {"POST", "/v1/boards/b1", `null`, 400, `must be of type object`},
		"bad query":       {"GET", "/v1/boards/b1?%zz", ``, 400, `the query is not well-formed`},
		"too large":       {"POST", "/v1/boards/b1", `{"text":"` + strings.Repeat("x", 1_000_001) + `"}`, 400, `more than 1000000 bytes`},
		"a problem":       {"POST", "/v1/boards/b1", `{"text":"conflict"}`, 409, `"code":"conflict"`},
		"a late reply":    {"POST", "/v1/boards/b1", `{"text":"overtaken"}`, 504, `"code":"timeout"`},
		"a panic":         {"POST", "/v1/boards/b1", `{"text":"panic"}`, 500, `"code":"internal","detail":"something went wrong on our side`},
		"unknown method":  {"DELETE", "/v1/boards/b1", ``, 405, `{"kind":"error","type":"about:blank","title":"Method Not Allowed","status":405,"code":"invalid"`},
		"unknown path":    {"GET", "/v1/nothing", ``, 404, `"status":404,"code":"not_found","detail":"nothing is served on this path"`},
		"untidy path":     {"GET", "/v1//nothing", ``, 404, `"code":"not_found"`},
		"live":            {"GET", "/livez", ``, 200, "ok"},
		"not started":     {"GET", "/readyz", ``, 503, "not ready"},
		"no admin things": {"GET", "/metrics", ``, 404, `"code":"not_found"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := request(h, tc.method, tc.target, tc.body)
			if w.Code != tc.status || !strings.Contains(w.Body.String(), tc.want) {
				t.Errorf("%d %.300s", w.Code, w.Body)
			}
			if kind := w.Header().Get("Content-Type"); strings.HasPrefix(w.Body.String(), `{"kind":"error"`) != (kind == fault.ContentType) {
				t.Errorf("content type %s of %.100s", kind, w.Body)
			}
			if w.Header().Get("X-Content-Type-Options") != "nosniff" {
				t.Error("no nosniff")
			}
			if got := w.Header().Get("Content-Security-Policy"); got != "frame-ancestors 'self'" {
				t.Errorf("others may frame it: %q", got)
			}
		})
	}
}

func TestOtherAnswersOfARoute(t *testing.T) {
	t.Parallel()
	l, _, h := serve(t, auth.None)
	if w := request(h, "POST", "/v1/boards/b1", `{"text":"overloaded"}`); w.Code != 503 || w.Header().Get("Retry-After") != "2" {
		t.Errorf("%d, retry after %q", w.Code, w.Header().Get("Retry-After"))
	}
	if w := request(h, "DELETE", "/v1/boards/b1", ``); w.Header().Get("Allow") != "GET, HEAD, POST" {
		t.Errorf("allowed: %q", w.Header().Get("Allow"))
	}
	if w := request(h, "POST", "/v1/boards/b1", `{}`, "Content-Type", "text/plain"); w.Code != 400 || !strings.Contains(w.Body.String(), "Content-Type") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	request(h, "POST", "/v1/boards/b1", `{}`, "X-User", "alice", "X-Roles", "staff")
	want := contract.Caller{UserID: "alice", Roles: []string{"staff"}}
	if diff := cmp.Diff(want, l.last.Load().Caller); diff != "" || l.last.Load().Key != "b1" {
		t.Errorf("key %q %s", l.last.Load().Key, diff)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := httptest.NewRequest("POST", "/v1/boards/b1", strings.NewReader(`{"text":"never"}`)).WithContext(ctx)
	r.Header.Set("Content-Type", "application/json")
	h.ServeHTTP(httptest.NewRecorder(), r) // returns, though no reply comes

	_, _, h = serve(t, auth.JWT)
	if w := request(h, "GET", "/v1/boards/b1", ``); w.Code != 401 || w.Header().Get("WWW-Authenticate") != "Bearer" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	if w := request(h, "GET", "/v1/boards/b1", ``, "Origin", "https://app.example"); w.Header().Get("Access-Control-Allow-Origin") != "https://app.example" {
		t.Errorf("%v", w.Header())
	}
}

func TestReadiness(t *testing.T) {
	t.Parallel()
	_, health, h := serve(t, auth.None)
	check := func(status int, text string) {
		t.Helper()
		w := request(h, "GET", "/readyz?verbose", ``)
		if w.Code != status || strings.TrimSpace(w.Body.String()) != text {
			t.Errorf("%d %q", w.Code, w.Body)
		}
	}
	check(503, "not started")
	var broken error
	health.Add(web.Probe{Name: "redis", Check: func(context.Context) error { return broken }})
	check(200, "redis ok")
	broken = errors.New("dial tcp 10.0.0.7:6379: secret")
	check(503, "redis failed")
	broken = nil
	check(200, "redis ok")
	var late error
	health.Add(web.Probe{Name: "lanes", Check: func(context.Context) error { return late }, Advisory: true})
	check(200, "redis ok\nlanes ok")
	late = errors.New("not renewed")
	check(200, "redis ok\nlanes failed") // others have them
	health.Drain()
	check(503, "draining\nredis ok\nlanes failed")
	if w := request(h, "GET", "/livez", ``); w.Code != 200 {
		t.Errorf("a draining node is alive: %d", w.Code)
	}
	if w := request(web.NewWorker(health), "GET", "/v1/boards/b1", ``); w.Code != 404 {
		t.Errorf("a worker serves health only: %d", w.Code)
	}
}

// A probe that does not heed its context holds up no answer.
func TestASilentProbeIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	_, health, h := serve(t, auth.None)
	silent := make(chan struct{})
	defer close(silent)
	health.Add(
		web.Probe{Name: "events", Check: func(context.Context) error { <-silent; return nil }},
		web.Probe{Name: "redis", Check: func(context.Context) error { return nil }},
	)
	if w := request(h, "GET", "/readyz?verbose", ``); w.Code != 503 || w.Body.String() != "events failed\nredis ok\n" {
		t.Errorf("%d %q", w.Code, w.Body)
	}
}

func TestOverlappingRoutesAreAnErrorNotAPanic(t *testing.T) {
	t.Parallel()
	c, err := schema.Compile(contract.NewCatalog(routes(
		contract.HTTP{Method: "GET", Path: "/v1/{board}/x"}, contract.HTTP{Method: "GET", Path: "/v1/y/{board}"},
	)))
	if err != nil {
		t.Fatal(err)
	}
	_, err = web.New(c, &lanes{}, auth.New(auth.Config{Mode: auth.None}), cors.Policy{}, sockets{}, web.NewHealth(slog.Default()), nil, nil, slog.Default())
	if err == nil || !strings.Contains(err.Error(), `command "board.b": its path cannot be mounted`) {
		t.Errorf("got %v", err)
	}
}

type sockets struct{}

func (sockets) Paths() []string                                  { return []string{"/socket.io/"} }
func (sockets) Origins(string) (cors.Policy, bool)               { return cors.Policy{}, false }
func (sockets) ServeHTTP(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) }

func TestAdmin(t *testing.T) {
	t.Parallel()
	m := metrics.New()
	m.Expired.Add(5)
	srv := httptest.NewServer(web.NewAdmin(m))
	defer srv.Close()
	for path, want := range map[string]string{
		"/metrics": "switchyard_commands_expired_total 5", "/metrics?go": "go_build_info", "/metrics?process": "process_open_fds",
		"/debug/pprof/goroutine?debug=1": "goroutine profile",
	} {
		resp, err := http.Get(srv.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || !strings.Contains(string(b), want) {
			t.Errorf("%s: %v %.200s", path, err, b)
		}
	}
}
