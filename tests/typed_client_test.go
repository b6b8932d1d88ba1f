package tests

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/internal/testenv"
	"github.com/example/switchyard/transport/socketio/client"
	"github.com/example/switchyard/usecases/chat"
	"github.com/example/switchyard/usecases/tasks"
)

// dial connects the typed client as a user.
func dial(t *testing.T, url string, ns contract.Namespace, user string, opts ...client.Option) *client.Client {
	t.Helper()
	c, err := client.Dial(soon(t), url, ns, append([]client.Option{client.Auth(map[string]any{"user": user})}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// soon is a context that ends a test that hangs.
func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 10*testenv.Late)
	t.Cleanup(cancel)
	return ctx
}

func TestTypedClient(t *testing.T) {
	t.Parallel()
	redis := testenv.Redis(t)
	one, two := node(t, redis, "one"), node(t, redis, "two")
	for name, transports := range map[string][]string{
		"websocket": {client.WebSocket}, "polling": {client.Polling}, "upgrade": {client.Polling, client.WebSocket},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			converseTyped(t, one, two, "typed-"+name, client.Transports(transports...))
		})
	}
}

func converseTyped(t *testing.T, one, two, room string, opts ...client.Option) {
	ctx := soon(t)
	alice, bob := dial(t, one, chat.Namespace, "alice", opts...), dial(t, two, chat.Namespace, "bob", opts...)
	for _, c := range []*client.Client{alice, bob} {
		out, err := client.Call(ctx, c, chat.Join, chat.JoinInput{Room: room})
		if err != nil || out != (chat.JoinOutput{Room: room, Joined: true}) {
			t.Fatal(out, err)
		}
	}
	for _, user := range []string{"alice", "bob"} {
		if m, err := client.Receive(ctx, alice, chat.Joined); err != nil || m.User != user {
			t.Errorf("joined: %v %v, want %s", m, err, user)
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

	_, err := client.Call(ctx, alice, chat.Post, chat.PostInput{Room: room})
	var f *fault.Fault
	if !errors.Is(err, fault.New(fault.Invalid, "")) || !errors.As(err, &f) || len(f.Fields) != 1 || f.Fields[0].Pointer != "/text" {
		t.Errorf("a problem: %v", err)
	}
	if _, err := client.Call(ctx, alice, tasks.Start, tasks.StartInput{Title: "x", Steps: 1}); !errors.Is(err, client.ErrBadNamespace) {
		t.Errorf("another namespace: %v", err)
	}
	jobs, err := alice.Of(ctx, tasks.Namespace)
	if err != nil {
		t.Fatal(err)
	}
	started, err := client.Call(ctx, jobs, tasks.Start, tasks.StartInput{Title: "x", Steps: 1})
	if err != nil || started.TaskID == "" {
		t.Errorf("over the same connection: %v %v", started, err)
	}
	jobs.Close()
	if _, err := client.Call(ctx, alice, chat.Leave, chat.LeaveInput{Room: room}); err != nil {
		t.Errorf("after another client of the connection was closed: %v", err)
	}
}

func TestTypedClientRefused(t *testing.T) {
	t.Parallel()
	url := node(t, "", "one")
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
