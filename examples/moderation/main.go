// Command moderation keeps rooms civil: an example of a program that acts on events as a
// client of its own, with the rights of its role.
//
//	go run ./examples/moderation -rooms lobby,garden -words spam,scam
//
// Whoever says one of the words is put out of the room, on whichever nodes their
// connections are. What was said while it was not connected it judges when it is back.
package main

import (
	"context"
	"errors"
	"flag"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/transport/socketio/client"
	"github.com/example/switchyard/usecases/chat"
)

func main() {
	url := flag.String("url", "http://localhost:8080", "the service")
	rooms := flag.String("rooms", "lobby", "rooms to keep, with commas between")
	words := flag.String("words", "spam", "words that nobody may say, with commas between")
	token := flag.String("token", "", "a token with the role staff, where AUTH_MODE=jwt")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	m := &moderator{words: strings.Split(*words, ","), log: slog.Default(), newest: map[string]string{}}
	for _, room := range strings.Split(*rooms, ",") {
		m.newest[room] = ""
	}
	auth := map[string]any{"user": "moderator", "roles": []string{"staff"}}
	if *token != "" {
		auth = map[string]any{"token": *token}
	}
	if err := m.run(ctx, *url, auth); err != nil {
		m.log.Error("moderation", "error", err)
		os.Exit(1)
	}
}

// A moderator keeps rooms. Its handlers run one at a time.
type moderator struct {
	words  []string
	log    *slog.Logger
	newest map[string]string // of each room, the message that was judged last
	ctx    context.Context
}

// run moderates until ctx ends.
func (m *moderator) run(ctx context.Context, url string, auth any) error {
	m.ctx = ctx
	c, err := client.Dial(ctx, url, chat.Namespace, client.Auth(auth), client.Handlers(func(c *client.Client) {
		c.OnConnect(func() { m.catchUp(c) })
		c.OnResync(func(client.Resync) { m.catchUp(c) })
		client.On(c, chat.Posted, func(said chat.Message) { m.judge(c, said) })
	}))
	if err != nil {
		return err
	}
	defer c.Close()
	select {
	case <-ctx.Done():
		return nil
	case <-c.Done():
		return c.Err()
	}
}

// catchUp joins the rooms and judges what was said meanwhile; of a room that it has not
// seen yet only what is said from now on. What fails is done with the next connection.
func (m *moderator) catchUp(c *client.Client) {
	for room := range m.newest {
		if err := m.enter(c, room); err != nil {
			m.log.Warn("cannot keep a room", "room", room, "error", err)
		}
	}
}

// beginning is a position before every message.
const beginning = "0-1"

func (m *moderator) enter(c *client.Client, room string) error {
	if _, err := client.Call(m.ctx, c, chat.Join, chat.JoinInput{Room: room}); err != nil {
		return err
	}
	if m.newest[room] == "" {
		page, err := client.Call(m.ctx, c, chat.Read, chat.ReadInput{Room: room, Limit: 1})
		if err != nil {
			return err
		}
		m.newest[room] = beginning
		for _, said := range page.Messages {
			m.newest[room] = said.ID
		}
		return nil
	}
	for {
		page, err := client.Call(m.ctx, c, chat.Read, chat.ReadInput{Room: room, After: m.newest[room], Limit: 100})
		if err != nil {
			return err
		}
		for _, said := range page.Messages {
			m.judge(c, said)
		}
		if page.Next == "" {
			return nil
		}
	}
}

// judge puts out who said one of the words. It may see a message twice: to be put out of
// a room that one is not in is no harm.
func (m *moderator) judge(c *client.Client, said chat.Message) {
	m.newest[said.Room] = said.ID
	text := strings.ToLower(said.Text)
	if !slices.ContainsFunc(m.words, func(word string) bool { return strings.Contains(text, word) }) {
		return
	}
	_, err := client.Call(m.ctx, c, chat.Kick, chat.KickInput{Room: said.Room, User: said.From})
	switch {
	case errors.Is(err, fault.New(fault.NotFound, "")): // has gone already
	case err != nil:
		m.log.Error("cannot put somebody out", "room", said.Room, "user", said.From, "error", err)
	default:
		m.log.Info("put somebody out", "room", said.Room, "user", said.From, "message", said.ID)
	}
}
