package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/transport/socketio/client"
)

var room = contract.Namespace{Name: "/room", Doc: "Another one."}

// Who gives up connecting to a namespace, and asks again as somebody else, is that one: the
// answer to the first time lets nobody in.
func TestWhoComesInIsWhoAsked(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]string{"let in": `40/room,{"sid":"alice"}`, "refused": `44/room,{"message":"no"}`} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			gone := make(chan struct{})
			url := serve(t, func(p *peer) {
				p.admit()
				p.hear(`40/room,{"user":"alice"}`)
				<-gone
				p.say(answer)
				if strings.HasPrefix(answer, "40") {
					p.hear("41/room,")
				}
				p.hear(`40/room,{"user":"bob"}`)
				p.say(`40/room,{"sid":"bob"}`)
				p.linger()
			})
			c := dial(t, url)
			short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			defer cancel()
			if _, err := c.Of(short, room, client.Auth(map[string]any{"user": "alice"})); !errors.Is(err, client.ErrTimeout) {
				t.Fatal(err)
			}
			close(gone)
			bob, err := c.Of(soon(t), room, client.Auth(map[string]any{"user": "bob"}))
			if err != nil {
				t.Fatal(err)
			}
			defer bob.Close()
			if bob.ID() != "bob" {
				t.Errorf("bob is %s", bob.ID())
			}
		})
	}
}

// An answer that comes late is not taken for that of the next client's call.
func TestALateAnswerIsNobodyElses(t *testing.T) {
	t.Parallel()
	url := serve(t, func(p *peer) {
		p.admit()
		p.hear("40/room,")
		p.say(`40/room,{"sid":"one"}`)
		first, _, _ := strings.Cut(p.hear("42/room,"), "[")
		p.hear("41/room,")
		p.hear("40/room,")
		p.say(`40/room,{"sid":"two"}`)
		second, _, _ := strings.Cut(p.hear("42/room,"), "[")
		p.say(fmt.Sprintf(`43/room,%s["late"]`, first))
		p.say(fmt.Sprintf(`43/room,%s["in time"]`, second))
		p.linger()
	})
	c := dial(t, url)
	one, err := c.Of(soon(t), room)
	if err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := one.CallRaw(short, "transfer"); !errors.Is(err, client.ErrTimeout) {
		t.Fatal(err)
	}
	one.Close()
	two, err := c.Of(soon(t), room)
	if err != nil {
		t.Fatal(err)
	}
	defer two.Close()
	if got, err := two.CallRaw(soon(t), "balance"); err != nil || string(got.Args[0]) != `"in time"` {
		t.Errorf("%s %v", got.Args, err)
	}
}

// A kick that crosses Close ends who was there, and not who comes next.
func TestAKickEndsItsSocketOnly(t *testing.T) {
	t.Parallel()
	c := dial(t, serve(t, func(p *peer) {
		p.admit()
		p.hear("40/room,")
		p.say(`40/room,{"sid":"one"}`)
		p.hear("41/room,")
		p.hear("40/room,")
		p.say("41/room,") // said to one, before it was heard to leave
		p.say(`40/room,{"sid":"two"}`)
		p.hear("42/room,")
		p.say("41/room,")
		p.linger()
	}))
	one, err := c.Of(soon(t), room)
	if err != nil {
		t.Fatal(err)
	}
	one.Close()
	two, err := c.Of(soon(t), room)
	if err != nil {
		t.Fatal(err)
	}
	if err := two.EmitRaw(soon(t), "here"); err != nil || two.ID() != "two" {
		t.Error(two.ID(), err)
	}
	within(t, "its own kick", two.Done())
	if !errors.Is(two.Err(), client.ErrEnded) {
		t.Error(two.Err())
	}
}

// When the answer to a poll is lost, so is what it brought: the connection ends, and is not
// gone on with by asking again.
func TestALostAnswerToAPollIsNoticed(t *testing.T) {
	t.Parallel()
	var polls atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodPost:
			_, _ = io.WriteString(w, "ok")
		case r.URL.Query().Get("sid") == "":
			_, _ = io.WriteString(w, `0{"sid":"e1","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":100000}`)
		case polls.Add(1) == 1:
			_, _ = io.WriteString(w, `40/hall,{"sid":"s1"}`)
		case polls.Load() == 2:
			panic(http.ErrAbortHandler) // the answer, and the connection
		default:
			_, _ = io.WriteString(w, `42/hall,["second"]`)
		}
	}))
	t.Cleanup(server.Close)
	lost, heard := make(chan error, 1), make(chan struct{}, 1)
	dial(t, server.URL, client.Transports(client.Polling), client.Reconnect(client.Reconnection{Off: true}), client.Handlers(func(c *client.Client) {
		c.OnRaw("second", func(client.Raw) { heard <- struct{}{} })
		c.OnDisconnect(func(err error) { lost <- err })
	}))
	select {
	case <-heard:
		t.Error("it has asked again, and nothing tells what was lost")
	case err := <-lost:
		if !errors.Is(err, client.ErrDisconnected) {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Error("nothing happens")
	}
}
