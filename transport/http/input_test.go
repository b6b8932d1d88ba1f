package http_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/example/switchyard/internal/auth"
	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/cors"
	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/internal/schema"
	web "github.com/example/switchyard/transport/http"
)

func TestNothingIsGivenTwiceOrUnclean(t *testing.T) {
	t.Parallel()
	const (
		twice   = "is given twice: once in the path, the query or the body is enough"
		unclean = "must be valid UTF-8, and in the path without control characters"
	)
	_, _, h := serve(t, auth.None)
	long := strings.Repeat("k", 1000)
	for name, tc := range map[string]struct {
		method, target, body string
		want                 []fault.Field
	}{
		"members":         {"POST", "/v1/boards/b1", `{"line":1,"line":2}`, []fault.Field{{Pointer: "/line", Detail: twice}}},
		"escaped":         {"POST", "/v1/boards/b1", `{"line":1,"l\u0069ne":2}`, []fault.Field{{Pointer: "/line", Detail: twice}}},
		"thrice":          {"POST", "/v1/boards/b1", `{"line":1,"line":2,"line":3}`, []fault.Field{{Pointer: "/line", Detail: twice}}},
		"in order":        {"GET", "/v1/boards/b1?text=1&text=1&line=1&line=1&bold=1&bold=1&board=2", ``, []fault.Field{{Pointer: "/board", Detail: twice}, {Pointer: "/bold", Detail: twice}, {Pointer: "/line", Detail: twice}, {Pointer: "/text", Detail: twice}}},
		"a pointer":       {"GET", "/v1/boards/b1?a/b~c&a/b~c", ``, []fault.Field{{Pointer: "/a~1b~0c", Detail: twice}}},
		"a long name":     {"GET", "/v1/boards/b1?" + long + "&" + long, ``, []fault.Field{{Pointer: "/" + long[:64], Detail: twice}}},
		"path not UTF-8":  {"POST", "/v1/boards/%ff", ``, []fault.Field{{Pointer: "/board", Detail: unclean}}},
		"path control":    {"POST", "/v1/boards/a%00b", ``, []fault.Field{{Pointer: "/board", Detail: unclean}}},
		"path C1":         {"POST", "/v1/boards/a%c2%85b", ``, []fault.Field{{Pointer: "/board", Detail: unclean}}},
		"query not UTF-8": {"GET", "/v1/boards/b1?tags=%c3&tags=%a9", ``, []fault.Field{{Pointer: "/tags", Detail: unclean}}},
		"query newline":   {"GET", "/v1/boards/b1?text=a%0ab", ``, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var problem fault.Problem
			w := request(h, tc.method, tc.target, tc.body)
			if err := json.Unmarshal(w.Body.Bytes(), &problem); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, problem.Errors); diff != "" {
				t.Errorf("%d %s", w.Code, diff)
			}
		})
	}
}

func TestMistakesOfAQueryAreBounded(t *testing.T) {
	t.Parallel()
	_, _, h := serve(t, auth.None)
	query := url.Values{}
	for i := range 1000 {
		query[fmt.Sprintf("x%03d", i)] = []string{"", ""}
	}
	first := request(h, "GET", "/v1/boards/b1?"+query.Encode(), ``).Body.String()
	if strings.Count(first, "pointer") != 32 || !strings.Contains(first, `"/x000"`) || !strings.Contains(first, `"/x031"`) {
		t.Errorf("%.300s", first)
	}
	if again := request(h, "GET", "/v1/boards/b1?"+query.Encode(), ``).Body.String(); again != first {
		t.Errorf("%.300s and then %.300s", first, again)
	}
}

type freeInput struct {
	Board string `json:"board"`
	Free  any    `json:"free,omitempty"`
}

// The path says which board, whatever the body looks like; and what is as long as bodies may
// be does not grow.
func TestNoBodyReplacesThePath(t *testing.T) {
	t.Parallel()
	c, err := schema.Compile(contract.NewCatalog([]contract.Route{
		contract.Command[freeInput, contract.None]{
			Namespace: ns, Event: "free", Operation: "board.free", Doc: "Do.", HTTP: contract.HTTP{Method: "POST", Path: "/v1/boards/{board}"},
		}.Handle(func(context.Context, freeInput) (contract.None, []contract.Effect, error) {
			return contract.None{}, nil, nil
		}),
	}))
	if err != nil {
		t.Fatal(err)
	}
	l, log := &lanes{}, slog.New(slog.DiscardHandler)
	s, err := web.New(c, l, auth.New(auth.Config{Mode: auth.None}), cors.Policy{}, sockets{}, web.NewHealth(log), nil, nil, log)
	if err != nil {
		t.Fatal(err)
	}
	for depth := 60; depth < 70; depth++ {
		body := `{"board":"secret","free":` + strings.Repeat("[", depth) + strings.Repeat("]", depth) + `}`
		if w := request(s, "POST", "/v1/boards/public", body); w.Code != 400 || l.last.Load() != nil {
			t.Errorf("%d deep: %d, and it runs with %.40s…", depth, w.Code, l.last.Load().Input)
		}
	}
	body := `{"free":"` + strings.Repeat("<", 900_000) + `"}`
	request(s, "POST", "/v1/boards/public", body)
	if sent := l.last.Load(); sent == nil || len(sent.Input) > len(body)+len(`"board":"public",`) {
		t.Errorf("%d bytes became %v", len(body), sent != nil)
	}
}
