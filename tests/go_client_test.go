package tests

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/internal/siotest"
	"github.com/example/switchyard/internal/testenv"
	"github.com/example/switchyard/transport/socketio/client"
	"github.com/example/switchyard/usecases/chat"
	"github.com/example/switchyard/usecases/tasks"
)

// within waits for a value, or fails the test.
func within[T any](t *testing.T, what string, values <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-values:
	case <-soon(t).Done():
		t.Fatal("waited too long for " + what)
	}
	return v
}

// soon is a context that ends a test that hangs.
func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 10*testenv.Late)
	t.Cleanup(cancel)
	return ctx
}

func TestGoClient(t *testing.T) {
	t.Parallel()
	nodes := siotest.Cluster(t, 2)
	for name, transports := range map[string][]string{
		"websocket": {client.WebSocket}, "polling": {client.Polling}, "upgrade": {client.Polling, client.WebSocket},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			talk(t, nodes, "go-"+name, client.Transports(transports...))
		})
	}
}

func talk(t *testing.T, nodes []*siotest.Server, room string, opt client.Option) {
	ctx := soon(t)
	alice := nodes[0].Client(t, chat.Namespace, siotest.As("alice"), opt)
	bob := nodes[1].Client(t, chat.Namespace, siotest.As("bob"), opt)
	for _, c := range []*client.Client{alice, bob} {
		if out := siotest.Call(t, c, chat.Join, chat.JoinInput{Room: room}); out != (chat.JoinOutput{Room: room, Joined: true}) {
			t.Errorf("%+v", out)
		}
	}
	for _, user := range []string{"alice", "bob"} {
		if m := siotest.Expect(t, alice, chat.Joined); m.User != user {
			t.Errorf("joined: %v, want %s", m, user)
		}
	}
	heard := make(chan string, 200)
	stop := client.On(bob, chat.Posted, func(m chat.Message) { heard <- m.Text })
	defer stop()
	var want, got []string
	for i := range 100 {
		text := "hello, é 😀 " + time.Duration(i).String()
		want = append(want, text)
		if err := client.Emit(ctx, alice, chat.Post, chat.PostInput{Room: room, Text: text}); err != nil {
			t.Fatal(err)
		}
	}
	for range want {
		select {
		case text := <-heard:
			got = append(got, text)
		case <-ctx.Done():
			t.Fatal("events are missing")
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("bob heard, -want +got:\n%s", diff)
	}

	if f := siotest.Refused(t, alice, chat.Post, chat.PostInput{Room: room}, fault.Invalid); len(f.Fields) != 1 || f.Fields[0].Pointer != "/text" {
		t.Errorf("a problem: %+v", f)
	}
	if _, err := client.Call(ctx, alice, tasks.Start, tasks.StartInput{Title: "x", Steps: 1}); !errors.Is(err, client.ErrBadNamespace) {
		t.Errorf("another namespace: %v", err)
	}
	jobs, err := alice.Of(ctx, tasks.Namespace)
	if err != nil {
		t.Fatal(err)
	}
	if started := siotest.Call(t, jobs, tasks.Start, tasks.StartInput{Title: "x", Steps: 1}); started.TaskID == "" {
		t.Error("over the same connection: no id")
	}
	jobs.Close()
	siotest.Call(t, alice, chat.Leave, chat.LeaveInput{Room: room}) // the connection is still there
}

func TestGoClientRefused(t *testing.T) {
	t.Parallel()
	url := siotest.Start(t, siotest.Redis("")).URL
	for _, transport := range []string{client.WebSocket, client.Polling} {
		_, err := client.Dial(soon(t), url, chat.Namespace, client.Auth(map[string]any{"user": 7}), client.Transports(transport))
		var refusal *client.Refusal
		if !errors.Is(err, client.ErrRefused) || !errors.As(err, &refusal) || len(refusal.Data) == 0 || !errors.Is(err, fault.New(fault.Unauthenticated, "")) {
			t.Errorf("refused with %v", err)
		}
		_, err = client.Dial(soon(t), url, contract.Namespace{Name: "/nothing"}, client.Transports(transport))
		if !errors.Is(err, client.ErrRefused) || !errors.Is(err, client.ErrBadNamespace) {
			t.Errorf("no such namespace: %v", err)
		}
	}
	if _, err := client.Dial(soon(t), "http://127.0.0.1:1", chat.Namespace); !errors.Is(err, client.ErrUnreachable) {
		t.Errorf("nobody there: %v", err)
	}
}

// A node that dies with its sockets: its clients come back when it does, and go on.
func TestGoClientSurvivesItsNode(t *testing.T) {
	t.Parallel()
	p := siotest.Launch(t, siotest.Start(t).RedisURL, "mortal", "ROLE=gateway")
	for name, transports := range map[string][]string{"websocket": {client.WebSocket}, "upgrade": {client.Polling, client.WebSocket}} {
		connects := make(chan struct{}, 2)
		reasons := make(chan error, 1)
		alice := p.Client(t, chat.Namespace, siotest.As("alice"), client.Transports(transports...),
			client.Reconnect(client.Reconnection{Delay: 50 * time.Millisecond, MaxDelay: 200 * time.Millisecond}),
			client.Handlers(func(c *client.Client) {
				c.OnConnect(func() {
					if _, err := client.Call(soon(t), c, chat.Join, chat.JoinInput{Room: name}); err != nil {
						t.Errorf("%s: join: %v", name, err)
					}
					connects <- struct{}{}
				})
				c.OnDisconnect(func(err error) {
					select {
					case reasons <- err:
					default:
					}
				})
			}))
		within(t, "the first connection", connects)
		first := alice.ID()
		p.Kill()
		if err := within(t, "the reason", reasons); !errors.Is(err, client.ErrDisconnected) {
			t.Errorf("%s: lost with %v", name, err)
		}
		sent := make(chan error, 1)
		go func() { // waits for the node
			_, err := client.Call(soon(t), alice, chat.Post, chat.PostInput{Room: name, Text: "back", ClientID: "one"})
			sent <- err
		}()
		p.Restart()
		if err := within(t, "the answer", sent); err != nil {
			t.Errorf("%s: a call that waited: %v", name, err)
		}
		within(t, "the second connection", connects)
		siotest.Call(t, alice, chat.Post, chat.PostInput{Room: name, Text: "again"})
		for siotest.Expect(t, alice, chat.Posted).Text != "again" {
		}
		if alice.ID() == first {
			t.Errorf("%s: the same socket as before", name)
		}
		alice.Close()
	}
}

// Behind a load balancer that ends TLS, has a path of its own, and tells its clients
// apart by a cookie.
func TestGoClientBehindALoadBalancer(t *testing.T) {
	t.Parallel()
	to, err := url.Parse(siotest.Start(t, siotest.Redis("")).URL)
	if err != nil {
		t.Fatal(err)
	}
	var known atomic.Int64
	proxy := http.StripPrefix("/realtime", httputil.NewSingleHostReverseProxy(to))
	balancer := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := r.Cookie("node"); err == nil {
			known.Add(1)
		} else if r.URL.Query().Get("sid") != "" {
			t.Errorf("%s %s has no cookie", r.Method, r.URL)
		}
		if r.Header.Get("X-Tag") != "go" {
			t.Errorf("%s %s has no header", r.Method, r.URL)
		}
		http.SetCookie(w, &http.Cookie{Name: "node", Value: "one"})
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(balancer.Close)
	trust := balancer.Client().Transport.(*http.Transport).TLSClientConfig
	for _, transports := range [][]string{{client.WebSocket}, {client.Polling}, {client.Polling, client.WebSocket}} {
		c := siotest.Dial(t, balancer.URL+"/realtime", chat.Namespace, siotest.As("alice"), client.TLS(trust),
			client.Header(http.Header{"X-Tag": {"go"}}), client.Path("/socket.io/"), client.Transports(transports...))
		last := transports[len(transports)-1]
		testenv.WaitFor(t, 10*testenv.Late, "the transport "+last, func() bool { return c.Transport() == last })
		siotest.Call(t, c, chat.Join, chat.JoinInput{Room: "proxied"})
		c.Close()
	}
	if known.Load() == 0 {
		t.Error("no request had the cookie")
	}
	_, err = client.Dial(soon(t), balancer.URL, chat.Namespace, client.Path("/realtime/socket.io/"))
	if !errors.Is(err, client.ErrUnreachable) || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a certificate that nobody trusts: %v", err)
	}
}
