package http_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/example/switchyard/internal/auth"
	web "github.com/example/switchyard/transport/http"
)

func TestPagesOfOtherOriginsChangeNothing(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		method, target, body, origin string
		status                       int
	}{
		"foreign":              {"POST", "/v1/boards/b1", `{}`, "https://evil.example", 403},
		"foreign, simple":      {"POST", "/v1/boards/b1?text=x", ``, "https://evil.example", 403},
		"of no origin at all":  {"POST", "/v1/boards/b1", ``, "null", 403},
		"foreign, reads":       {"GET", "/v1/boards/b1", ``, "https://evil.example", 200},
		"foreign, reads heads": {"HEAD", "/v1/boards/b1", ``, "https://evil.example", 200},
		"listed":               {"POST", "/v1/boards/b1", `{}`, "https://app.example", 200},
		"its own":              {"POST", "/v1/boards/b1", `{}`, "http://example.com", 200},
		"no page":              {"POST", "/v1/boards/b1", `{}`, "", 200},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, _, h := serve(t, auth.None)
			w := request(h, tc.method, tc.target, tc.body, "Origin", tc.origin)
			if w.Code != tc.status || (l.last.Load() == nil) != (tc.status == 403) {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			if tc.status == 403 && !strings.Contains(w.Body.String(), `"code":"forbidden"`) {
				t.Errorf("%s", w.Body)
			}
		})
	}
}

// Who keeps its connection calls another node when this one drains, whatever is between them.
func TestANodeThatDrainsKeepsNoConnectionsOfCallers(t *testing.T) {
	t.Parallel()
	_, health, h := serve(t, auth.None)
	for _, want := range []string{"", "close"} {
		for target, status := range map[string]int{"/v1/boards/b1": 200, "/v1/boards/%00": 400} {
			if w := request(h, "GET", target, ""); w.Code != status || w.Header().Get("Connection") != want {
				t.Errorf("%s: %d, Connection: %q, want %q", target, w.Code, w.Header().Get("Connection"), want)
			}
		}
		health.Drain()
	}
}

// pipes is a listener of connections in memory, whose deadlines follow the clock of
// a synctest bubble.
type pipes struct {
	conns chan net.Conn
	close sync.Once
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{} }
func (p *pipes) Close() error   { p.close.Do(func() { close(p.conns) }); return nil }
func (p *pipes) Accept() (net.Conn, error) {
	if c, ok := <-p.conns; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}

// dial serves a handler and connects to it.
func dial(t *testing.T, h http.Handler) net.Conn {
	t.Helper()
	l := &pipes{conns: make(chan net.Conn, 1)}
	client, server := net.Pipe()
	l.conns <- server
	srv := &http.Server{Handler: h}
	go func() { _ = srv.Serve(l) }()
	t.Cleanup(func() { client.Close(); srv.Close() })
	return client
}

const tenOfBody = "Host: x\r\nContent-Type: application/json\r\nContent-Length: 10\r\n"

func TestSlowBodiesEnd(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		head   string
		status int
	}{
		"read":            {"POST /v1/boards/b1 HTTP/1.1\r\n" + tenOfBody, 400},
		"refused":         {"POST /v1/boards/b1 HTTP/1.1\r\n" + tenOfBody + "Origin: https://evil.example\r\n", 403},
		"of a GET":        {"GET /v1/boards/b1 HTTP/1.1\r\n" + tenOfBody, 200},
		"of no path":      {"POST /nowhere HTTP/1.1\r\n" + tenOfBody, 404},
		"of no method":    {"PUT /livez HTTP/1.1\r\n" + tenOfBody, 405},
		"of a probe":      {"GET /livez HTTP/1.1\r\n" + tenOfBody, 200},
		"of a socket":     {"POST /socket.io/?EIO=4&transport=polling&sid=x HTTP/1.1\r\n" + tenOfBody, 404},
		"chunked":         {"POST /nowhere HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nf", 404},
		"unauthenticated": {"POST /v1/boards/b1 HTTP/1.1\r\n" + tenOfBody + "X-User: a\tb\r\n", 401},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				_, _, h := serve(t, auth.None)
				c := dial(t, h)
				start := time.Now()
				fmt.Fprint(c, tc.head+"\r\n{")
				resp, err := http.ReadResponse(bufio.NewReader(c), nil)
				if err != nil || resp.StatusCode != tc.status || time.Since(start) != 10*time.Second {
					t.Errorf("%+v %v after %s", resp, err, time.Since(start))
				}
			})
		})
	}
}

func TestDeadlinesEndWithWhatTheyAreFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, _, h := serve(t, auth.None)
		h.(*web.Server).With(web.Pages{Other: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			time.Sleep(time.Minute) // of the bubble
			fmt.Fprint(w, "a page")
		})})
		c := dial(t, h)
		in := bufio.NewReader(c)
		for _, request := range []string{ // the reply and the page come after a minute
			"GET /page HTTP/1.1\r\nHost: x\r\n\r\n",
			"POST /v1/boards/b1 HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n" + `{"text":"late"}`,
			"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n",
		} {
			fmt.Fprint(c, request)
			resp, err := http.ReadResponse(in, nil)
			if err != nil || resp.StatusCode != 200 {
				t.Fatalf("%+v %v", resp, err)
			}
			if b, err := io.ReadAll(resp.Body); err != nil || len(b) == 0 {
				t.Fatalf("%q %v", b, err)
			}
			time.Sleep(time.Minute) // of the bubble
		}
	})
}

func TestAnswersThatNobodyTakesEnd(t *testing.T) {
	t.Parallel()
	for name, head := range map[string]string{
		"of a route":   "GET /v1/boards/b1",
		"of a probe":   "GET /livez",
		"of readiness": "GET /readyz",
		"of no path":   "GET /nowhere",
		"of no method": "PUT /livez",
		"of preflight": "OPTIONS /v1/boards/b1",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				_, _, h := serve(t, auth.None)
				c := dial(t, h)
				fmt.Fprint(c, head+" HTTP/1.1\r\nHost: x\r\nOrigin: https://app.example\r\nAccess-Control-Request-Method: GET\r\n\r\n")
				time.Sleep(time.Minute) // of the bubble
				if b, err := io.ReadAll(c); err != nil || len(b) > 0 {
					t.Errorf("%q %v", b, err)
				}
			})
		})
	}
}
