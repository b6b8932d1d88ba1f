package main

import (
	"context"

	"github.com/example/switchyard/internal/load"
	"github.com/example/switchyard/transport/socketio/client"
	"github.com/example/switchyard/usecases/hello"
)

// target is what is sent: put commands and events of your own here. Whatever does not fit
// their declarations does not compile.
var target = load.Target{
	Namespace: hello.Namespace,
	Join: func(ctx context.Context, c *client.Client, room string) error {
		_, err := client.Call(ctx, c, hello.Greet, hello.GreetInput{Room: room})
		return err
	},
	Send: func(ctx context.Context, c *client.Client, room, mark string) error {
		_, err := client.Call(ctx, c, hello.Greet, hello.GreetInput{Room: room, Text: mark})
		return err
	},
	Hear: func(c *client.Client, heard func(mark string)) {
		client.On(c, hello.Greeted, func(g hello.GreetedPayload) {
			if g.Text != "" {
				heard(g.Text)
			}
		})
	},
}
