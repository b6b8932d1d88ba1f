//go:build wireinject

package app

import (
	"context"
	"io"

	"github.com/google/wire"

	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/config"
	"github.com/example/switchyard/internal/emitter"
	"github.com/example/switchyard/internal/node"
	"github.com/example/switchyard/internal/redisconn"
	"github.com/example/switchyard/internal/store/redisstore"
	"github.com/example/switchyard/transport/http"
	"github.com/example/switchyard/transport/socketio"
	"github.com/example/switchyard/usecases"
)

// New puts a node together, without starting it. It logs to a writer; the function
// closes what was opened.
func New(ctx context.Context, cfg config.Config, logs io.Writer) (*node.Node, func(), error) {
	panic(wire.Build(
		usecases.Set,   // what the service does
		redisstore.Set, // what it keeps
		wire.FieldsOf(new(*redisconn.Clients), "Stores"),

		broker.Set,  // how commands travel
		emitter.New, // how events reach sockets

		socketio.Set, // who talks to it
		wire.Bind(new(socketio.Lanes), new(*broker.Gateway)),
		http.Set,
		wire.Bind(new(http.Lanes), new(*broker.Gateway)),
		wire.Bind(new(http.Sockets), new(*socketio.Gateway)),

		node.Set, // one process of it all
	))
}
