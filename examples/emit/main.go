// Command emit announces an event from a process that holds no sockets and is no node:
// somebody is typing in a room of the chat. emit.py and emit.mjs beside it do the same,
// from languages that do not know our types; docs/emit.md says what they write.
//
//	REDIS_URL=redis://127.0.0.1:6379 go run ./examples/emit lobby bot
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/redisconn"
	"github.com/example/switchyard/usecases/chat"
)

func main() {
	ctx, stop := context.WithTimeout(context.Background(), 10*time.Second)
	defer stop()
	if err := run(ctx, os.Getenv("REDIS_URL"), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "emit:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, redisURL string, args []string) error {
	if redisURL == "" || len(args) != 2 {
		return errors.New("usage: REDIS_URL=redis://host:6379 emit ROOM USER")
	}
	rdb, err := redisconn.Connect(ctx, redisURL)
	if err != nil {
		return err
	}
	defer func() { _ = rdb.Close() }()
	events, err := broker.NewEmitter(ctx, rdb)
	if err != nil {
		return err
	}
	id, err := events.Emit(ctx, chat.Typing.Of(chat.Typist{Room: args[0], User: args[1]}))
	if err != nil {
		return err
	}
	fmt.Println(id)
	return nil
}
