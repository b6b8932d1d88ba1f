//go:build wireinject

package assemble

import (
	"context"
	"io"

	"github.com/google/wire"

	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/config"
	"github.com/example/switchyard/internal/emitter"
	"github.com/example/switchyard/internal/node"
	"github.com/example/switchyard/internal/redisconn"
	"github.com/example/switchyard/transport/http"
	"github.com/example/switchyard/transport/socketio"
)

// Node puts a node of a service together, without starting it. The function closes what
// was opened.
func Node(ctx context.Context, cfg config.Config, logs io.Writer, service Service) (*node.Node, func(), error) {
	panic(wire.Build(
		Catalog, Hooks,
		wire.Struct(new(Ports), "*"),
		wire.FieldsOf(new(*redisconn.Clients), "Stores"),

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
