package siotest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/transport/socketio/client"
)

// Client connects a typed client to a namespace of the node, until the test ends. It is
// transport/socketio/client's, with all that it can do; the functions here do the usual
// and fail the test, with its goroutine, when it comes otherwise.
//
//	alice := srv.Client(t, chat.Namespace, siotest.As("alice"))
func (s *Server) Client(t testing.TB, ns contract.Namespace, options ...client.Option) *client.Client {
	t.Helper()
	return Dial(t, s.URL, ns, append([]client.Option{client.Path(s.Node.Config.Sockets.Path)}, options...)...)
}

// Client connects a typed client to the process.
func (p *Process) Client(t testing.TB, ns contract.Namespace, options ...client.Option) *client.Client {
	t.Helper()
	return Dial(t, p.URL, ns, options...)
}

// Dial connects a typed client to whatever serves at a URL.
func Dial(t testing.TB, url string, ns contract.Namespace, options ...client.Option) *client.Client {
	t.Helper()
	ctx, cancel := deadline(t)
	defer cancel()
	c, err := client.Dial(ctx, url, ns, options...)
	if err != nil {
		t.Fatalf("connect to %s: %v", ns.Name, err)
	}
	t.Cleanup(c.Close)
	return c
}

// As is a client's credentials where AUTH_MODE is none: a user, with roles.
func As(user string, roles ...string) client.Option {
	return client.Auth(map[string]any{"user": user, "roles": roles})
}

// Rejects tries to connect, which the node must refuse with a code. It returns the rest
// of the refusal.
func (s *Server) Rejects(t testing.TB, ns contract.Namespace, code fault.Code, options ...client.Option) *fault.Fault {
	t.Helper()
	ctx, cancel := deadline(t)
	defer cancel()
	c, err := client.Dial(ctx, s.URL, ns, append([]client.Option{client.Path(s.Node.Config.Sockets.Path)}, options...)...)
	if err == nil {
		c.Close()
	}
	return wantFault(t, "connecting to "+ns.Name, err, code)
}

// Call sends a command and returns its result.
func Call[In, Out any](t testing.TB, c *client.Client, cmd contract.Command[In, Out], in In) Out {
	t.Helper()
	ctx, cancel := deadline(t)
	defer cancel()
	out, err := client.Call(ctx, c, cmd, in)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Refused sends a command, whose answer must be a problem with this code. It returns the
// rest of the problem.
func Refused[In, Out any](t testing.TB, c *client.Client, cmd contract.Command[In, Out], in In, code fault.Code) *fault.Fault {
	t.Helper()
	ctx, cancel := deadline(t)
	defer cancel()
	_, err := client.Call(ctx, c, cmd, in)
	return wantFault(t, cmd.Operation, err, code)
}

func wantFault(t testing.TB, what string, err error, code fault.Code) *fault.Fault {
	t.Helper()
	var f *fault.Fault
	switch {
	case err == nil:
		t.Fatalf("%s: it worked, and should have been refused as %s", what, code)
	case !errors.As(err, &f) || f.Code != code:
		t.Fatalf("%s: %v, want %s", what, err, code)
	}
	return f
}

// Expect waits for the next event of a kind that the client has not received, and takes
// it. Events wait from the moment of the connection on, so it does not matter which comes
// first, the event or Expect; others stay for their own Expect.
func Expect[T any](t testing.TB, c *client.Client, event contract.Event[T]) T {
	t.Helper()
	ctx, cancel := deadline(t)
	defer cancel()
	payload, err := client.Receive(ctx, c, event)
	if err != nil {
		t.Fatalf("%v; %s", err, waiting(c))
	}
	return payload
}

// ExpectNone fails the test if the client has heard an event of a kind before another
// one, the fence, for which it waits and which it returns. Nothing that comes in time
// shows that something else never comes: so let the fence be what comes later, like the
// next event of the same key.
func ExpectNone[T, F any](t testing.TB, c *client.Client, event contract.Event[T], fence contract.Event[F]) F {
	t.Helper()
	last := Expect(t, c, fence)
	now, cancel := context.WithCancel(context.Background())
	cancel() // only what is there
	if payload, err := client.Receive(now, c, event); !errors.Is(err, context.Canceled) {
		t.Errorf("%s on %s came, and should not have: %+v (%v)", event.Spec().Name, event.Namespace.Name, payload, err)
	}
	return last
}

// waiting says which events the client has heard that nobody has expected.
func waiting(c *client.Client) string {
	now, cancel := context.WithCancel(context.Background())
	cancel()
	var heard []string
	for range 20 {
		e, err := c.ReceiveRaw(now)
		if err != nil {
			break
		}
		heard = append(heard, fmt.Sprintf("%s %s", e.Name, e.Args))
	}
	if heard == nil {
		return "nothing else was heard"
	}
	return "what was heard instead: " + strings.Join(heard, ", ")
}

// deadline is for one step of a test.
func deadline(t testing.TB) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(t.Context()), patience)
}
