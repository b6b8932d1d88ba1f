package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http/httptest"
	"time"

	app "github.com/example/switchyard"
	"github.com/example/switchyard/internal/auth"
	"github.com/example/switchyard/internal/config"
	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/transport/socketio/client"
	"github.com/example/switchyard/usecases/chat"
)

// One client, three ways to talk: call, be told, and wait.
func Example() {
	url, stop := startNode()
	defer stop()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()

	c, err := client.Dial(ctx, url, chat.Namespace, client.Auth(map[string]any{"user": "alice"}))
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	joined, err := client.Call(ctx, c, chat.Join, chat.JoinInput{Room: "lobby"})
	fmt.Println(joined.Joined, err)

	_, err = client.Call(ctx, c, chat.Join, chat.JoinInput{Room: "staff-only"})
	fmt.Println(errors.Is(err, fault.New(fault.Forbidden, "")), err)

	if err := client.Emit(ctx, c, chat.Post, chat.PostInput{Room: "lobby", Text: "hello"}); err != nil {
		log.Fatal(err)
	}
	message, err := client.Receive(ctx, c, chat.Posted)
	fmt.Println(message.From, message.Text, err)

	// Output:
	// true <nil>
	// true call join: forbidden: this room is for the staff
	// alice hello <nil>
}

// A lobby is what a program keeps of a room, and its handlers together.
type lobby struct{ heard chan string }

// Handlers is its table of contents.
func (l *lobby) Handlers(c *client.Client) {
	client.On(c, chat.Joined, l.joined)
	client.On(c, chat.Posted, l.posted)
	c.OnConnect(func() { l.enter(c) }) // each time: rooms go with the connection
	c.OnResync(func(client.Resync) { l.enter(c) })
}

func (l *lobby) joined(m chat.Member)  { l.heard <- m.User + " is here" }
func (l *lobby) posted(m chat.Message) { l.heard <- m.From + ": " + m.Text }

func (l *lobby) enter(c *client.Client) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if _, err := client.Call(ctx, c, chat.Join, chat.JoinInput{Room: "lobby"}); err != nil {
		log.Print(err)
	}
}

// Handlers that belong together are methods of a type.
func ExampleHandlers() {
	url, stop := startNode()
	defer stop()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()

	l := &lobby{heard: make(chan string, 10)}
	c, err := client.Dial(ctx, url, chat.Namespace, client.Auth(map[string]any{"user": "bob"}), client.Handlers(l.Handlers))
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	fmt.Println(<-l.heard)
	if _, err := client.Call(ctx, c, chat.Post, chat.PostInput{Room: "lobby", Text: "hello"}); err != nil {
		log.Fatal(err)
	}
	fmt.Println(<-l.heard)

	// Output:
	// bob is here
	// bob: hello
}

// What the errors tell.
func ExampleDial_errors() {
	url, stop := startNode()
	defer stop()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()

	_, err := client.Dial(ctx, url, contract.Namespace{Name: "/nothing"})
	fmt.Println(errors.Is(err, client.ErrRefused), errors.Is(err, client.ErrBadNamespace))

	_, err = client.Dial(ctx, url, chat.Namespace, client.Auth(map[string]any{"user": 7}))
	var refusal *client.Refusal
	fmt.Println(errors.As(err, &refusal) && len(refusal.Data) > 0, errors.Is(err, fault.New(fault.Unauthenticated, "")))

	_, err = client.Dial(ctx, "http://127.0.0.1:1", chat.Namespace)
	fmt.Println(errors.Is(err, client.ErrUnreachable))

	// Output:
	// true true
	// true true
	// true
}

// startNode starts a node with an embedded Redis.
func startNode() (url string, stop func()) {
	n, closeAll, err := app.New(context.Background(), config.Config{
		HTTPAddr: "127.0.0.1:0", NodeID: "one", Role: "all", AuthMode: auth.None, CommandTimeout: 20 * time.Second,
		IdempotencyTTL: config.Period(time.Hour), Partitions: 4, LogLevel: "error", LogFormat: "text",
	}, io.Discard)
	if err != nil {
		log.Fatal(err)
	}
	if err := n.Start(context.Background()); err != nil {
		log.Fatal(err)
	}
	server := httptest.NewServer(n.Handler())
	return server.URL, func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := n.Stop(ctx); err != nil {
			log.Print(err)
		}
		server.Close()
		closeAll()
	}
}
