package parity

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/fault"
)

// Two users, two commands, two nodes and REST: who shares a rate with whom.
func TestRatesOfUsersAndCommands(t *testing.T) {
	t.Parallel()
	urls := serve(t, 2, func() *contract.Catalog {
		ns := contract.Namespace{Name: "/a", Doc: "A."}
		say := contract.Command[text, text]{
			Namespace: ns, Event: "say", Operation: "a.say", Doc: "Say it.",
			HTTP:   contract.HTTP{Method: http.MethodPost, Path: "/v1/say"},
			Policy: contract.Policy{Rates: []contract.Rate{{Name: "say", Every: time.Hour, Burst: 2, Cluster: true, DisconnectAfter: 2}}},
		}
		return contract.NewCatalog([]contract.Route{
			say.Handle(func(_ context.Context, in text) (text, []contract.Effect, error) { return in, nil, nil }),
			echo(ns, "shout", "a.shout", contract.Policy{Rates: []contract.Rate{{Name: "shout", Every: time.Hour}}}),
		})
	})
	one, two := join(t, urls[0], "/a", `{"user":"alice"}`), join(t, urls[1], "/a", `{"user":"alice"}`)
	bob := join(t, urls[1], "/a", `{"user":"bob"}`)
	const x = `{"text":"x"}`
	want(t, one.Call("/a", "say", x), x)
	want(t, two.Call("/a", "say", x), x)
	wantCode(t, one.Call("/a", "say", x), fault.Exhausted)
	wantCode(t, two.Call("/a", "say", `{"no":1}`), fault.Exhausted) // before it is looked at
	status, retryAfter, problem := sendPost(t, urls[1]+"/v1/say", "alice", x)
	if status != http.StatusTooManyRequests || retryAfter < 3500 || retryAfter > 3600 || problem.RetryAfterMS < 3_500_000 {
		t.Errorf("REST answers %d, Retry-After %d, %+v", status, retryAfter, problem)
	}
	want(t, bob.Call("/a", "say", x), x) // another user

	want(t, one.Call("/a", "shout", x), x) // another command,
	want(t, two.Call("/a", "shout", x), x) // which each node counts by itself
	wantCode(t, two.Call("/a", "shout", x), fault.Exhausted)

	wantCode(t, two.Call("/a", "say", x), fault.Exhausted) // the third on this node, with REST's
	two.Disconnected("/a")
	want(t, bob.Call("/a", "shout", x), x) // who shares the node goes on
}

// An event with too many arguments is none that the contract knows, and counts as one.
func TestEventsThatBreakTheContractCount(t *testing.T) {
	t.Parallel()
	ns := contract.Namespace{Name: "/a", Doc: "A."}
	url := serve(t, 1, routes(echo(ns, "shout", "a.shout", contract.Policy{Rates: []contract.Rate{{Name: "shout", Every: time.Hour, Burst: 2, DisconnectAfter: 1}}})))[0]
	c := join(t, url, "/a", `{"user":"alice"}`)
	for _, code := range []fault.Code{fault.Invalid, fault.Invalid, fault.Exhausted, fault.Exhausted} {
		wantCode(t, c.Call("/a", "shout", `{"text":"x"},{}`), code)
	}
	c.Disconnected("/a")
}

func sendPost(t *testing.T, url, user, body string) (status, retryAfter int, p fault.Problem) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-User", user)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	retryAfter, _ = strconv.Atoi(resp.Header.Get("Retry-After"))
	if err := json.NewDecoder(resp.Body).Decode(&p); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, retryAfter, p
}

// What a middleware makes of an output is held to the contract too.
func TestAnOutputThatBreaksItsContractIsAnAccident(t *testing.T) {
	t.Parallel()
	ns := contract.Namespace{Name: "/a", Doc: "A."}
	broken := contract.Policy{Middleware: []contract.Middleware{func(_ contract.Route, next contract.Serve) contract.Serve {
		return func(ctx context.Context, input []byte) (contract.Outcome, error) {
			out, err := next(ctx, input)
			out.Output = []byte(`{"text":7,"secret":"s3cret"}`)
			return out, err
		}
	}}}
	url := serve(t, 1, routes(echo(ns, "say", "a.say", broken), echo(ns, "echo", "a.echo", contract.Policy{})))[0]
	c := join(t, url, "/a", `{}`)
	answer := c.Call("/a", "say", `{"text":"x"}`)
	wantCode(t, answer, fault.Internal)
	if strings.Contains(answer, "secret") || strings.Contains(answer, "text") {
		t.Errorf("the client is told %s", answer)
	}
	want(t, c.Call("/a", "echo", `{"text":"x"}`), `{"text":"x"}`)
}
