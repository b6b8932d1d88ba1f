package node

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/google/wire"

	"github.com/example/switchyard/internal/auth"
	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/config"
	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/cors"
	"github.com/example/switchyard/internal/events"
	"github.com/example/switchyard/internal/logging"
	"github.com/example/switchyard/internal/metrics"
	"github.com/example/switchyard/internal/proxies"
	"github.com/example/switchyard/internal/ratelimit/redisrate"
	"github.com/example/switchyard/internal/redisconn"
	"github.com/example/switchyard/internal/schema"
	"github.com/example/switchyard/internal/spec"
	"github.com/example/switchyard/internal/tracing"
	web "github.com/example/switchyard/transport/http"
	"github.com/example/switchyard/transport/socketio"
	"github.com/example/switchyard/transport/socketio/admin"
	"github.com/example/switchyard/transport/socketio/engineio"
	"github.com/example/switchyard/transport/socketio/sockets"
	demo "github.com/example/switchyard/web"
)

// Set provides a Node, and from the settings what its parts want to be told.
var Set = wire.NewSet(
	wire.Struct(new(Node), "*"),
	NewLogger, OpenTracing, metrics.New,
	OpenRedis, OpenEvents,
	Contract, NewHandlers, // the catalog, checked and served
	LanesConfig, NewLanes, wire.Bind(new(contract.Dispatcher), new(*broker.Lanes)),
	SocketsConfig, Mounts, Origins, Proxies, Authenticator, Pages, NewDocs, // the public port
	NewAdmin, NewAdminUI, NewAdminRecord, // the admin port
)

// NewLogger logs text on a terminal, else JSON.
func NewLogger(c config.Config, to io.Writer) *slog.Logger {
	levels, _ := logging.ParseLevels(c.LogLevel) // config.Validate has refused what is wrong
	format := c.LogFormat
	if format == "" && logging.IsTerminal(to) {
		format = "text"
	}
	return logging.New(to, format == "text", levels)
}

// OpenTracing makes what traces the node's commands; nil if nothing is to be traced.
func OpenTracing(ctx context.Context, c config.Config, log *slog.Logger) (*tracing.Tracer, func(), error) {
	if !c.Tracing.On() {
		return nil, func() {}, nil
	}
	sampler, err := tracing.ParseSampler(c.Tracing.Sampler, c.Tracing.SamplerArg)
	if err != nil {
		return nil, nil, err
	}
	t, err := tracing.Open(ctx, tracing.Config{URL: c.Tracing.URL(), Service: c.Tracing.Service, Node: c.NodeID, Sampler: sampler}, logging.Of(log, logging.Tracing))
	if err != nil {
		return nil, nil, err
	}
	return t, func() { closeTracing(context.Background(), t) }, nil
}

// OpenRedis connects to REDIS_URL.
func OpenRedis(ctx context.Context, c config.Config, log *slog.Logger) (*redisconn.Clients, func(), error) {
	return redisconn.Open(ctx, c.RedisURL, logging.Of(log, logging.Redis))
}

// Contract checks the catalog. What holds for every command of every service is put around
// it here.
func Contract(c config.Config, catalog *contract.Catalog, r *redisconn.Clients, m *metrics.Metrics, log *slog.Logger) (*schema.Contract, error) {
	compiled, err := schema.Compile(catalog)
	if err != nil {
		return nil, err
	}
	compiled.CheckOutputs(int(c.CheckOutputs))
	compiled.Around(logging.Commands(logging.Of(log, logging.Command), slog.LevelDebug))
	compiled.Limits.Share(redisrate.New(r.Stores), logging.Of(log, logging.RateLimit))
	m.Serve(catalog)
	return compiled, nil
}

// OpenEvents connects to the broker that EVENTS names; none is nil.
func OpenEvents(c config.Config, log *slog.Logger) (broker.Bus, func(), error) {
	return events.Open(c.Events, c.EventsURL, log)
}

// LanesConfig is what the lanes are told.
func LanesConfig(c config.Config, m *metrics.Metrics, t *tracing.Tracer) broker.Config {
	return broker.Config{
		Node: c.NodeID, Partitions: c.Partitions, CommandTimeout: c.CommandTimeout,
		InFlight: c.InFlight, Backlog: c.Backlog, IdempotencyTTL: time.Duration(c.IdempotencyTTL),
		MaxOutput: c.MaxOutput, DeadLetters: c.DLQMax, Strict: bool(c.Strict), Topic: c.EventsTopic,
		Metrics: m, Tracer: t,
	}
}

// SocketsConfig is what the sockets are told.
func SocketsConfig(c config.Config, r *admin.Record) sockets.Config {
	s := c.Sockets
	cfg := sockets.Config{
		Path: s.Path, Parser: s.Parser, ConnectTimeout: s.ConnectTimeout, MaxNamespaces: s.MaxNamespaces,
		MaxAttachments: s.MaxAttachments, AttachmentBytes: s.AttachmentBytes, AttachmentTimeout: s.AttachmentTimeout,
		EventRate: int(s.Rate), EventsOpen: int(s.Unacked),
		Engine: engineio.Config{
			PingInterval: s.PingInterval, PingTimeout: s.PingTimeout, WriteTimeout: s.WriteTimeout,
			MaxPayload: s.MaxPayload, QueueMessages: s.QueueMessages, QueueBytes: s.QueueBytes,
			Transports: s.Transports, AllowEIO3: s.AllowEIO3, Compression: s.Compression, ConnsPerAddress: int(s.ConnsPerAddress),
		},
	}
	if r != nil { // somebody may look on
		cfg.Engine.Traffic = &r.Traffic
		if c.AdminUI.Mode == "development" {
			cfg.Watcher = r
		}
	}
	return cfg
}

// NewLanes makes the lanes on the connections to Redis.
func NewLanes(c broker.Config, r *redisconn.Clients, log *slog.Logger) (*broker.Lanes, error) {
	return broker.NewLanes(c, r.Commands, r.Reads, logging.Of(log, logging.Broker))
}

// NewHandlers serves the catalog, with the decoders of its contract. Add Watermill
// middleware of your own here.
func NewHandlers(c *schema.Contract) *broker.Handlers { return broker.NewHandlers(c.Catalog) }

// NewDocs makes the documents of the contract, if they are to be served.
func NewDocs(c config.Config, contract *schema.Contract, s *socketio.Gateway) (web.Docs, error) {
	if !c.Docs() {
		return nil, nil
	}
	return spec.Files(contract, s.Paths()[0])
}

// Authenticator authenticates as AUTH_MODE says.
func Authenticator(c config.Config, log *slog.Logger) *auth.Authenticator {
	log = logging.Of(log, logging.Auth)
	if c.JWKSURL != "" && c.JWTAudience == "" {
		log.Warn("JWT_AUDIENCE is empty: tokens that the same provider has signed for other services are valid here, too")
	}
	return auth.New(auth.Config{
		Mode: c.AuthMode, Secret: c.JWTSecret, KeysURL: c.JWKSURL, Issuer: c.JWTIssuer, Audience: c.JWTAudience, Log: log,
	})
}

// Origins allows CORS_ORIGINS.
func Origins(c config.Config) cors.Policy { return cors.Policy{Origins: c.CORSOrigins} }

// Proxies are TRUSTED_PROXIES.
func Proxies(c config.Config) (proxies.Trusted, error) { return proxies.Parse(c.TrustedProxies) }

// Mounts are SOCKET_MOUNTS.
func Mounts(c config.Config) ([]socketio.Mount, error) {
	var mounts []socketio.Mount
	for _, text := range c.Sockets.Mounts {
		m, err := config.ParseMount(text)
		if err != nil {
			return nil, fmt.Errorf("SOCKET_MOUNTS: %w", err)
		}
		mounts = append(mounts, socketio.Mount{Path: m.Path, Namespaces: m.Namespaces, Origins: cors.Policy{Origins: m.Origins}, Transports: m.Transports})
	}
	return mounts, nil
}

// Pages are the files of STATIC_DIR, or the demo page. Put an embed.FS or another handler
// here, or set Node.Pages.
func Pages(c config.Config) (web.Pages, func(), error) {
	if c.StaticDir == "" {
		files, err := demo.Files()
		return web.Pages{Files: files, Hashed: demo.Hashed, Policy: demo.Policy}, func() {}, err
	}
	root, err := os.OpenRoot(c.StaticDir) // so that no link leads out of it
	if err != nil {
		return web.Pages{}, nil, fmt.Errorf("STATIC_DIR: %w", err)
	}
	return web.Pages{Files: root.FS()}, func() { _ = root.Close() }, nil
}
