package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/transport/socketio/client"
)

type number struct {
	N int `json:"n"`
}

var (
	square  = contract.Command[number, number]{Namespace: hall, Event: "square", Operation: "hall.square", Doc: "Square."}
	counted = contract.Event[int]{Namespace: hall, Name: "counted", Doc: "Counted."}
	other   = contract.Event[int]{Namespace: hall, Name: "other", Doc: "Something else."}
	guess   = contract.Ask[number, number]{Namespace: hall, Name: "guess", Doc: "Guess."}
)

// Events and answers come in order, and a handler may call.
func TestOrderAndCallsInHandlers(t *testing.T) {
	t.Parallel()
	const events = 500
	c := dial(t, serve(t, func(p *peer) {
		p.admit()
		for i := range events {
			p.say(event("counted", i))
		}
		for range events / 100 {
			var n int
			if _, err := fmt.Sscanf(p.hear("42/hall,"), `%d["square",{"n":3}]`, &n); err != nil {
				t.Error(err)
			}
			p.say(fmt.Sprintf(`43/hall,%d[{"n":9}]`, n))
		}
		p.linger()
	}), client.Handlers(func(c *client.Client) {
		c.OnRaw("nothing", func(client.Raw) {})
	}))
	var got []int
	done := make(chan struct{})
	client.On(c, counted, func(n int) {
		got = append(got, n)
		if n%100 == 0 {
			if out, err := client.Call(soon(t), c, square, number{3}); err != nil || out.N != 9 {
				t.Error(out, err)
			}
		}
		if n == events-1 {
			close(done)
		}
	})
	within(t, "the events", done)
	for i, n := range got {
		if i != n {
			t.Fatalf("the %d-th event is %d", i, n)
		}
	}
}

// A passing context is one whose deadline passes when a channel is closed.
type passing struct {
	context.Context
	when <-chan struct{}
}

func (p passing) Done() <-chan struct{} { return p.when }

func (p passing) Err() error {
	select {
	case <-p.when:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

func TestCallsEndInTime(t *testing.T) {
	t.Parallel()
	first, second := make(chan struct{}), make(chan struct{}) // closed when the server has heard them
	c := dial(t, serve(t, func(p *peer) {
		p.admit()
		p.hear("42/hall,0")
		close(first)
		p.hear("42/hall,1")
		close(second)
		p.say(`43/hall,0[{"n":1}]`) // nobody waits for it
		p.say(`43/hall,9[{"n":1}]`) // nor for this, which nobody asked
		p.hear("42/hall,2")
		p.say(`43/hall,2[{"kind":"error","code":"conflict","detail":"taken","retry_after_ms":5}]`)
		p.hear("42/hall,3")
		p.say(`43/hall,3["nine"]`)
		p.linger()
	}))
	short := passing{t.Context(), first}
	if _, err := client.Call(short, c, square, number{1}); !errors.Is(err, client.ErrTimeout) || !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, client.ErrNotSent) {
		t.Errorf("late: %v", err)
	}
	gone, cancel := context.WithCancel(t.Context())
	context.AfterFunc(passing{t.Context(), second}, cancel)
	if _, err := client.Call(gone, c, square, number{1}); !errors.Is(err, context.Canceled) || errors.Is(err, client.ErrTimeout) {
		t.Errorf("given up: %v", err)
	}
	_, err := client.CallAs[number](soon(t), c, "square", number{1})
	var f *fault.Fault
	if !errors.As(err, &f) || f.Code != fault.Conflict || f.RetryAfter != 5*time.Millisecond {
		t.Errorf("a problem: %v", err)
	}
	if _, err := client.CallAs[number](soon(t), c, "square", number{1}); !errors.Is(err, client.ErrBadAnswer) {
		t.Errorf("an answer of another type: %v", err)
	}
	if err := c.EmitRaw(soon(t), "much", strings.Repeat("x", 100_000)); !errors.Is(err, client.ErrTooLarge) || !errors.Is(err, client.ErrNotSent) {
		t.Errorf("too much: %v", err)
	}
	if _, err := client.Receive(short, c, counted); !errors.Is(err, client.ErrTimeout) {
		t.Errorf("nothing to receive: %v", err)
	}
}

func TestBinary(t *testing.T) {
	t.Parallel()
	c := dial(t, serve(t, func(p *peer) {
		p.admit()
		p.hear(`452-/hall,0["file",{"_placeholder":true,"num":0},{"name":"a"},{"_placeholder":true,"num":1}]`)
		for _, want := range []string{"one", "two"} {
			if kind, b, err := p.ws.ReadMessage(); err != nil || kind != websocket.BinaryMessage || string(b) != want {
				t.Errorf("attached %q %v", b, err)
			}
		}
		p.say(`461-/hall,0[{"data":[{"_placeholder":true,"num":0}],"big":12345678901234567890}]`)
		_ = p.ws.WriteMessage(websocket.BinaryMessage, []byte("three"))
		p.say(`451-/hall,["file",{"_placeholder":true,"num":0}]`)
		_ = p.ws.WriteMessage(websocket.BinaryMessage, []byte("four"))
		p.linger()
	}))
	said, err := c.CallRaw(soon(t), "file", []byte("one"), map[string]string{"name": "a"}, []byte("two"))
	var out struct {
		Data [][]byte
		Big  json.Number
	}
	if err == nil {
		err = said.Decode(&out)
	}
	if err != nil || len(out.Data) != 1 || string(out.Data[0]) != "three" || out.Big != "12345678901234567890" {
		t.Errorf("%+v %v", out, err)
	}
	e, err := c.ReceiveRaw(soon(t))
	var data []byte
	if err != nil || e.Decode(&data) != nil || string(data) != "four" || e.Asked() {
		t.Errorf("%+v %v %q", e, err, data)
	}
}

func TestQuestions(t *testing.T) {
	t.Parallel()
	block := make(chan struct{})
	dial(t, serve(t, func(p *peer) {
		p.admit()
		p.say(`42/hall,0["guess",{"n":2}]`)
		if s := p.hear("43/hall,0"); s != `[{"n":4}]` {
			t.Errorf("answered %s", s)
		}
		p.say(`42/hall,1["guess",{"n":0}]`)
		if s := p.hear("43/hall,1"); !strings.Contains(s, `"kind":"error"`) || !strings.Contains(s, `"code":"conflict"`) {
			t.Errorf("refused with %s", s)
		}
		p.say(`42/hall,2["guess","two"]`)
		if s := p.hear("43/hall,2"); !strings.Contains(s, `"code":"invalid"`) {
			t.Errorf("refused with %s", s)
		}
		for i := range 20 { // three may still be being answered
			p.say(fmt.Sprintf(`42/hall,%d["guess",{"n":-1}]`, 10+i))
		}
		if s := p.hear("43/hall,"); !strings.Contains(s, `"code":"overloaded"`) {
			t.Errorf("refused with %s", s)
		}
	}, func(p *peer) { p.admit(); p.linger() }), client.Handlers(func(c *client.Client) {
		client.Answer(c, guess, func(ctx context.Context, q number) (number, error) {
			switch {
			case q.N == 0:
				return number{}, fault.New(fault.Conflict, "no")
			case q.N < 0:
				<-ctx.Done() // ends with the connection
				select {
				case block <- struct{}{}:
				case <-t.Context().Done():
				}
			}
			return number{q.N * q.N}, nil
		})
	}))
	for range 16 - 3 {
		within(t, "an answer to be given up", block)
	}
}

// What the service says besides events.
func TestErrorsAndResync(t *testing.T) {
	t.Parallel()
	errs, resyncs := make(chan error, 3), make(chan client.Resync, 1)
	c := dial(t, serve(t, func(p *peer) {
		p.admit()
		p.say(`42/hall,["error",{"kind":"error","code":"forbidden","detail":"no"}]`)
		p.say(`42/hall,["counted","one"]`)
		p.say(`42/hall,["resync",{"rooms":["a"],"reason":"gap"}]`)
		p.say(event("undeclared", 3))
		p.linger()
	}), client.Handlers(func(c *client.Client) {
		c.OnError(func(err error) { errs <- err })
		c.OnResync(func(r client.Resync) { resyncs <- r })
		client.On(c, counted, func(int) { t.Error("not a number") })
		client.On(c, contract.Event[int]{Namespace: contract.Namespace{Name: "/x"}, Name: "x"}, func(int) {})
	}))
	for _, want := range []error{client.ErrBadNamespace, fault.New(fault.Forbidden, ""), client.ErrBadAnswer} {
		if err := within(t, "an error", errs); !errors.Is(err, want) {
			t.Errorf("told %v, want %v", err, want)
		}
	}
	if r := within(t, "the resync", resyncs); r.Reason != "gap" || len(r.Rooms) != 1 {
		t.Error(r)
	}
	others := make(chan string, 1)
	stop := c.OnRaw("*", func(e client.Raw) { others <- e.Name })
	if name := within(t, "any other event", others); name != "undeclared" {
		t.Error(name)
	}
	stop()
}

func TestDialTellsWhatIsWrong(t *testing.T) {
	t.Parallel()
	for url, opts := range map[string][]client.Option{
		"localhost:8080":   nil,
		"ws://localhost":   nil,
		"://":              nil,
		"http://localhost": {client.Transports()},
		"http://127.0.0.1": {client.Transports("pigeon")},
	} {
		if _, err := client.Dial(soon(t), url, hall, opts...); err == nil || !strings.HasPrefix(err.Error(), "dial") {
			t.Errorf("%s: %v", url, err)
		}
	}
	url := serve(t)
	if _, err := client.Dial(soon(t), url, hall); !errors.Is(err, client.ErrUnreachable) || !strings.Contains(err.Error(), "503") {
		t.Errorf("a server that is not ready: %v", err)
	}
	noAuth := errors.New("no token")
	url = serve(t, func(p *peer) { p.open(); p.linger() })
	_, err := client.Dial(soon(t), url, hall, client.AuthFunc(func(context.Context) (any, error) { return nil, noAuth }))
	if !errors.Is(err, noAuth) {
		t.Errorf("no auth: %v", err)
	}
}

// A client is in one namespace of a pattern, and speaks what is declared on the pattern.
func TestDynamicNamespaces(t *testing.T) {
	t.Parallel()
	orgs := contract.Namespace{Name: "/org-{org}"}
	told := contract.Event[int]{Namespace: orgs, Name: "told"}
	url := serve(t, func(p *peer) {
		p.open()
		p.hear("40/org-7,")
		p.say(`40/org-7,{"sid":"s1"}`)
		p.say(`42/org-7,["told",7]`)
		p.linger()
	})
	if _, err := client.Dial(soon(t), url, orgs); !errors.Is(err, client.ErrBadNamespace) {
		t.Errorf("a pattern: %v", err)
	}
	c, err := client.Dial(soon(t), url, orgs.At("7"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if n, err := client.Receive(soon(t), c, told); err != nil || n != 7 {
		t.Error(n, err)
	}
	if _, err := client.Call(soon(t), c, square, number{1}); !errors.Is(err, client.ErrBadNamespace) {
		t.Errorf("another namespace: %v", err)
	}
}
