package http_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/example/switchyard/internal/auth"
	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/cors"
	"github.com/example/switchyard/internal/schema"
	web "github.com/example/switchyard/transport/http"
)

// limited serves a route that takes two commands, and then none for an hour.
func limited(t *testing.T) http.Handler {
	t.Helper()
	c, err := schema.Compile(contract.NewCatalog([]contract.Route{
		contract.Command[input, contract.None]{
			Namespace: ns, Event: "write", Operation: "board.write", Doc: "Write.", HTTP: contract.HTTP{Method: "POST", Path: "/v1/boards/{board}"},
			Policy: contract.Policy{Rates: []contract.Rate{{Name: "write", Every: time.Hour, Burst: 2, By: func(contract.Caller) string { return "all" }}}},
		}.Handle(func(context.Context, input) (contract.None, []contract.Effect, error) {
			return contract.None{}, nil, nil
		}),
	}))
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	s, err := web.New(c, &lanes{}, auth.New(auth.Config{Mode: auth.None}), cors.Policy{}, sockets{}, web.NewHealth(log), nil, nil, log)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Whatever a client sends counts once for a declared rate, also what breaks the contract.
func TestWhatBreaksTheContractCounts(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		target, body, contentType string
		status                    int
	}{
		"right":           {"/v1/boards/b1", `{}`, "application/json", 200},
		"no field":        {"/v1/boards/b1", `{"colour":"red"}`, "application/json", 400},
		"given twice":     {"/v1/boards/b1", `{"board":"b2"}`, "application/json", 400},
		"a bad query":     {"/v1/boards/b1?%zz", `{}`, "application/json", 400},
		"no JSON at all":  {"/v1/boards/b1", `{}`, "text/plain", 400},
		"too long a body": {"/v1/boards/b1", `{"text":"` + strings.Repeat("x", 1_000_001) + `"}`, "application/json", 400},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := limited(t)
			for i, want := range []int{tc.status, tc.status, 429, 429} {
				if w := request(h, "POST", tc.target, tc.body, "Content-Type", tc.contentType); w.Code != want {
					t.Errorf("request %d: %d %.200s", i+1, w.Code, w.Body)
				}
			}
		})
	}
}

// unread fails a test that reads it.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, io.EOF
}

// One too many is refused unread. What a page of another origin sends in its visitor's name
// counts for nobody.
func TestWhatIsTooMuchIsNotRead(t *testing.T) {
	t.Parallel()
	h := limited(t)
	for range 5 {
		if w := request(h, "POST", "/v1/boards/b1", `{}`, "Origin", "https://evil.example"); w.Code != 403 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	}
	for range 2 {
		if w := request(h, "POST", "/v1/boards/b1", `{}`); w.Code != 200 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	}
	r := httptest.NewRequest("POST", "/v1/boards/b1", unread{t})
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != 429 || w.Header().Get("Retry-After") == "" || !strings.Contains(w.Body.String(), `"code":"exhausted"`) {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
}
