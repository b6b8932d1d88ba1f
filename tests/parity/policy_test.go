package parity

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/internal/rawsio"
)

type text struct {
	Text string `json:"text"`
}

// echo answers with what middleware has put around the text.
func echo(ns contract.Namespace, event, operation string, p contract.Policy) contract.Route {
	c := contract.Command[text, text]{Namespace: ns, Event: event, Operation: operation, Doc: "Say it again.", Policy: p}
	return c.Handle(func(_ context.Context, in text) (text, []contract.Effect, error) { return in, nil, nil })
}

// wrap puts a name before and after the text of an input.
func wrap(name string) contract.Middleware {
	return func(_ contract.Route, next contract.Serve) contract.Serve {
		return func(ctx context.Context, input []byte) (contract.Outcome, error) {
			out, err := next(ctx, []byte(strings.Replace(string(input), `"text":"`, `"text":"`+name+`(`, 1)))
			out.Output = []byte(strings.Replace(string(out.Output), `"}`, ")"+name+`"}`, 1))
			return out, err
		}
	}
}

// Middleware of all scopes runs on the worker for what comes from the sockets of
// another node; equal event names of two namespaces are two commands.
func TestMiddlewareOfEveryScopeAndEqualNamesOnTwoNamespaces(t *testing.T) {
	t.Parallel()
	a := contract.Namespace{Name: "/a", Doc: "A.", Policy: &contract.Policy{Middleware: []contract.Middleware{wrap("a")}}}
	b := contract.Namespace{Name: "/b", Doc: "B."}
	url := serve(t, 1, func() *contract.Catalog {
		return contract.NewCatalog([]contract.Route{
			echo(a, "say", "a.say", contract.Policy{Middleware: []contract.Middleware{wrap("one"), wrap("two")}}),
			echo(b, "say", "b.say", contract.Policy{}),
		}).Use(contract.Policy{Middleware: []contract.Middleware{wrap("all")}})
	})[0]
	c := join(t, url, "/a", `{}`)
	c.Connect("/b", `{}`)
	want(t, c.Call("/a", "say", `{"text":"x"}`), `{"text":"two(one(a(all(x)two)one)a)all"}`)
	want(t, c.Call("/b", "say", `{"text":"x"}`), `{"text":"all(x)all"}`)
}

// What a denial does: the problem is the answer and the socket stays, unless the guard
// asks for its end.
func TestDenialsOfGuards(t *testing.T) {
	t.Parallel()
	var served atomic.Int64
	ns := contract.Namespace{Name: "/a", Doc: "A.", Policy: &contract.Policy{
		Connect: []contract.Guard[contract.Connecting]{{Name: "no-robots", Allow: func(c contract.Caller, h contract.Connecting) error {
			if c.HasRole("robot") || strings.Contains(string(h.Auth), "beep") {
				return fault.New(fault.Forbidden, "no robots").With(map[string]int{"robots": 2})
			}
			return nil
		}}},
		Guards: []contract.Guard[contract.Request]{{Name: "quiet", Allow: func(_ contract.Caller, r contract.Request) error {
			if strings.Contains(string(r.Input), "LOUD") {
				return fault.New(fault.Forbidden, "not so loud in %s", r.Namespace)
			}
			return nil
		}}},
	}}
	admin := contract.Guard[contract.Request]{Name: "admins", For: "admin.*", Disconnect: true, Allow: func(c contract.Caller, _ contract.Request) error {
		if !c.HasRole("admin") {
			return fault.New(fault.Forbidden, "for admins")
		}
		return nil
	}}
	counted := contract.Policy{Middleware: []contract.Middleware{func(_ contract.Route, next contract.Serve) contract.Serve {
		return func(ctx context.Context, input []byte) (contract.Outcome, error) {
			served.Add(1)
			return next(ctx, input)
		}
	}}}
	url := serve(t, 1, func() *contract.Catalog {
		return contract.NewCatalog([]contract.Route{echo(ns, "say", "a.say", counted), echo(ns, "purge", "admin.purge", counted)}).
			Use(contract.Policy{Guards: []contract.Guard[contract.Request]{admin}})
	})[0]
	c := join(t, url, "/a", `{"user":"alice"}`)
	wantCode(t, c.Call("/a", "say", `{"text":"LOUD"}`), fault.Forbidden)
	wantCode(t, c.Call("/a", "say", `{"LOUD":1}`), fault.Forbidden) // before the schema is looked at
	want(t, c.Call("/a", "say", `{"text":"x"}`), `{"text":"x"}`)
	c.Emit("/a", "say", `{"text":"LOUD"}`)
	wantCode(t, c.Expect("/a", "error"), fault.Forbidden)
	wantCode(t, c.Call("/a", "purge", `{}`), fault.Forbidden)
	c.Disconnected("/a")
	boss := join(t, url, "/a", `{"user":"boss","roles":["admin"]}`)
	want(t, boss.Call("/a", "purge", `{"text":"x"}`), `{"text":"x"}`)
	if n := served.Load(); n != 2 {
		t.Errorf("%d commands reached a handler", n)
	}
	for _, auth := range []string{`{"roles":["robot"]}`, `{"sound":"beep"}`} {
		_, refused := rawsio.Dial(t, url).TryConnect("/a", auth)
		if !strings.Contains(refused, `"message":"forbidden"`) || !strings.Contains(refused, `"data":{"kind":"error"`) || !strings.Contains(refused, `"context":{"robots":2}`) {
			t.Errorf("refused with %s", refused)
		}
	}
}
