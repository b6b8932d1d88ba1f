// Command chat talks in a room from a terminal: an example of a client that misses
// nothing and says nothing twice, over lost connections and restarted nodes.
//
//	go run ./examples/chat -user alice -room lobby
//
// What it has missed it asks for: after each connection, and when the server says so
// (resync). What it says has an id of its own, so that saying it again is safe when the
// answer was lost.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/google/uuid"

	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/transport/socketio/client"
	"github.com/example/switchyard/usecases/chat"
)

func main() {
	url := flag.String("url", "http://localhost:8080", "the service")
	user := flag.String("user", "guest", "who you are")
	room := flag.String("room", "lobby", "where to talk")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *url, *user, *room, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "chat:", err)
		os.Exit(1)
	}
}

// run talks until what is to be said, or ctx, ends.
func run(ctx context.Context, url, user, room string, say io.Reader, show io.Writer) error {
	t := &talk{ctx: ctx, room: room, show: show}
	c, err := client.Dial(ctx, url, chat.Namespace, client.Auth(map[string]any{"user": user}), client.Handlers(t.handlers))
	if err != nil {
		return err
	}
	defer c.Close()
	defer context.AfterFunc(ctx, c.Close)()
	lines := bufio.NewScanner(say)
	for lines.Scan() {
		if err := t.say(c, lines.Text()); err != nil {
			return err
		}
	}
	return lines.Err()
}

// A talk is what one user sees of a room.
type talk struct {
	ctx  context.Context
	room string

	mu     sync.Mutex
	show   io.Writer
	newest string          // the last message shown
	read   map[string]bool // by catchUp: they may come as events as well
}

func (t *talk) handlers(c *client.Client) {
	client.On(c, chat.Posted, func(m chat.Message) {
		if !t.read[m.ID] {
			t.print(m)
		}
	})
	c.OnConnect(func() { t.catchUp(c) })
	c.OnResync(func(client.Resync) { t.catchUp(c) })
	c.OnDisconnect(func(why error) { t.note("disconnected: %v", why) })
}

// catchUp joins the room and shows what was said since the newest message shown, or the
// last few. Handlers run one at a time: what is posted meanwhile waits.
func (t *talk) catchUp(c *client.Client) {
	err := t.retry(func() error {
		_, err := client.Call(t.ctx, c, chat.Join, chat.JoinInput{Room: t.room})
		return err
	})
	t.read = map[string]bool{}
	after, first := t.newest, t.newest == ""
	for more := true; more && err == nil; {
		var page chat.ReadOutput
		err = t.retry(func() (err error) {
			page, err = client.Call(t.ctx, c, chat.Read, chat.ReadInput{Room: t.room, After: after, Limit: 10})
			return err
		})
		for _, m := range page.Messages {
			t.read[m.ID] = true
			t.print(m)
		}
		after, more = page.Next, page.Next != "" && !first
	}
	if err != nil && !errors.Is(err, client.ErrDisconnected) { // then the next connection catches up
		t.note("%v", err)
	}
}

// say posts until it is known that it was posted.
func (t *talk) say(c *client.Client, text string) error {
	in := chat.PostInput{Room: t.room, Text: text, ClientID: uuid.NewString()}
	for {
		err := t.retry(func() error {
			_, err := client.Call(t.ctx, c, chat.Post, in)
			return err
		})
		if !errors.Is(err, client.ErrDisconnected) {
			return err
		}
	}
}

const pause = 500 * time.Millisecond

// retry calls again while another attempt may have a better end.
func (t *talk) retry(call func() error) error {
	for {
		err := call()
		var f *fault.Fault
		switch {
		case errors.Is(err, client.ErrTimeout):
		case errors.As(err, &f) && f.Code.Status() >= 500, errors.Is(err, fault.New(fault.Exhausted, "")):
		default:
			return err
		}
		after := pause
		if f != nil && f.RetryAfter > 0 {
			after = f.RetryAfter
		}
		select {
		case <-t.ctx.Done():
			return err
		case <-time.After(after):
		}
	}
}

func (t *talk) print(m chat.Message) {
	t.newest = m.ID
	t.note("%s: %s", m.From, m.Text)
}

func (t *talk) note(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	fmt.Fprintf(t.show, format+"\n", args...)
}
