//go:build wireinject

package main

import (
	"context"

	"github.com/google/wire"

	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/config"
	"github.com/example/switchyard/internal/emitter"
	"github.com/example/switchyard/internal/node"
	"github.com/example/switchyard/internal/schema"
	"github.com/example/switchyard/transport/http"
	"github.com/example/switchyard/transport/socketio"
)

// New puts a node together as the service's own injector does, with other use cases.
func New(ctx context.Context, cfg config.Config) (*node.Node, func(), error) {
	panic(wire.Build(
		Catalog,
		schema.Compile,
		broker.Set,
		emitter.New,
		socketio.Set,
		wire.Bind(new(socketio.Lanes), new(*broker.Gateway)),
		http.Set,
		wire.Bind(new(http.Lanes), new(*broker.Gateway)),
		wire.Bind(new(http.Sockets), new(*socketio.Gateway)),
		node.Set,
	))
}
