// Package config reads the service's settings from the environment: one struct, one
// loader, one table of defaults, which the README and .env.example repeat and a test
// compares. A wrong setting stops the start, and the error names every one at once.
// Start at Config.
package config

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"

	"github.com/example/switchyard/internal/auth"
	"github.com/example/switchyard/internal/logging"
	"github.com/example/switchyard/internal/proxies"
	"github.com/example/switchyard/internal/redisconn"
)

// Config is every setting. The doc tag says what it is for.
type Config struct {
	HTTPAddr  string `env:"HTTP_ADDR" envDefault:":8080" doc:"where Socket.IO, REST and health are served"`
	AdminAddr string `env:"ADMIN_ADDR" envDefault:"127.0.0.1:9090" doc:"where metrics and pprof are served, or off; never make it public"`

	RedisURL    string `env:"REDIS_URL" doc:"redis://, rediss:// or unix://; any node of a Redis Cluster, and more of them by ?addr=host:port&addr=…; Sentinels by ?master_name=…&addr=host:port; empty: an embedded Redis, for trying out: one node, nothing is kept"`
	Events      string `env:"EVENTS" envDefault:"redis" doc:"what takes events to the nodes: redis, nats (JetStream), amqp (RabbitMQ) or kafka; see docs/brokers.md"`
	EventsURL   string `env:"EVENTS_URL" doc:"nats://host:4222, amqp://user:password@host:5672/ or kafka://host:9092,host:9092; needed unless EVENTS=redis"`
	EventsTopic string `env:"EVENTS_TOPIC" envDefault:"switchyard-events" doc:"the topic, stream or exchange there: of this service alone, the same on every node"`
	NodeID      string `env:"NODE_ID" doc:"unique name of this node; empty: <hostname>-<4 hex digits>"`
	Role        string `env:"ROLE" envDefault:"all" doc:"all, gateway (holds sockets) or worker (runs use cases; serves health only)"`

	DocsEnabled string `env:"DOCS_ENABLED" doc:"whether /asyncapi, its documents and client.ts are served to everybody: true or false; empty: true with AUTH_MODE=none, else false"`

	AuthMode    string   `env:"AUTH_MODE" envDefault:"none" doc:"none (callers are believed; for development) or jwt"`
	JWTSecret   string   `env:"JWT_SECRET" secret:"true" doc:"key of HMAC-signed tokens, at least 32 bytes; AUTH_MODE=jwt needs it, or JWKS_URL, and not both"`
	JWKSURL     string   `env:"JWKS_URL" doc:"where an identity provider publishes the public keys of its tokens (RS, PS, ES, EdDSA), https:// or http://; redirects are not followed"`
	JWTIssuer   string   `env:"JWT_ISSUER" doc:"what a token's iss must be; empty: anything"`
	JWTAudience string   `env:"JWT_AUDIENCE" doc:"what a token's aud must name; empty: anything. With JWKS_URL set it, or tokens for other services are valid, too"`
	CORSOrigins []string `env:"CORS_ORIGINS" doc:"origins of web pages that may connect, separated by commas, or *; empty: only the service's own"`

	TrustedProxies []string `env:"TRUSTED_PROXIES" doc:"networks and addresses of load balancers, like 10.0.0.0/8, separated by commas: the client's address is what they append to X-Forwarded-For; empty: nobody's counts"`

	StaticDir string `env:"STATIC_DIR" doc:"a directory whose files are served where no route is; empty: the page in web/, if it was built. index.html for a directory, no listings, nothing that begins with a dot"`

	CommandTimeout time.Duration `env:"COMMAND_TIMEOUT" envDefault:"5s" doc:"how long a client waits for an acknowledgement, where the command does not say"`
	Partitions     int           `env:"PARTITIONS" envDefault:"16" doc:"number of command lanes; the same on every node, and kept in Redis, where yard repartition changes it"`
	IdempotencyTTL Period        `env:"IDEMPOTENCY_TTL" envDefault:"1h" doc:"how long the outcome of a command with an idempotency key is kept for its retries, or off; the same on every node"`
	InFlight       int           `env:"NODE_IN_FLIGHT" envDefault:"2000" doc:"commands of one node's clients that wait for an answer, and commands that one node runs at a time"`
	Backlog        int           `env:"PARTITION_BACKLOG" envDefault:"1000" doc:"commands of one lane that wait for a node to run them"`
	MaxOutput      int           `env:"MAX_OUTPUT" envDefault:"4000000" doc:"bytes of all that one command brings about, its answer, events and other commands; more is an accident: internal, and a dead letter"`
	DLQMax         int           `env:"DLQ_MAX" envDefault:"100000" doc:"dead letters kept, about, of all partitions together; the oldest are dropped"`
	Strict         Switch        `env:"STRICT" envDefault:"off" doc:"on: clients are told only what a replica of Redis has as well, so that a failover takes back nothing that was answered; needs a replica"`
	DrainDelay     time.Duration `env:"DRAIN_DELAY" envDefault:"0s" doc:"how long a node that shuts down goes on serving, not ready, until load balancers have noticed"`
	DrainSpread    time.Duration `env:"DRAIN_SPREAD" envDefault:"500ms" doc:"over how long a node that shuts down sends its clients away, so that they do not come back all at once; more for more clients"`

	CheckOutputs Limit `env:"CHECK_OUTPUTS" envDefault:"100" doc:"one in so many outputs of commands is held to its schema, 1: each (for development; make run does), or off; one that breaks it is answered with internal, and logged"`

	Sockets Sockets
	Tracing Tracing
	AdminUI AdminUI

	LogLevel  string `env:"LOG_LEVEL" envDefault:"info" doc:"debug, info, warn or error, and others for components: info,broker=debug,socketio=warn; commands=debug logs each command, without secrets"`
	LogFormat string `env:"LOG_FORMAT" doc:"text or json; empty: text on a terminal, else json"`
}

// Docs tells whether the documents of the contract are served.
func (c Config) Docs() bool {
	return c.DocsEnabled == "true" || c.DocsEnabled == "" && c.AuthMode == auth.None
}

// Load reads the environment, fills in what depends on the machine, and validates.
func Load() (Config, error) {
	var c Config
	err := env.Parse(&c)
	for _, list := range [][]string{c.CORSOrigins, c.TrustedProxies, c.Sockets.Transports, c.Sockets.Mounts, c.AdminUI.Origins} {
		for i, item := range list {
			list[i] = strings.TrimSpace(item)
		}
	}
	if err != nil {
		return c, problems(err, c.Validate())
	}
	if c.NodeID == "" {
		id, err := nodeID()
		if err != nil {
			return c, err
		}
		c.NodeID = id
	}
	return c, problems(nil, c.Validate())
}

// Defaults is what Load reads from an environment in which nothing is set, but for the
// NodeID, which is empty. Tests begin with it.
func Defaults() (Config, error) {
	return env.ParseAsWithOptions[Config](env.Options{Environment: map[string]string{}})
}

// problems joins the errors of parsing and of validation into one text with a line
// for each. A setting that could not be parsed is not told again.
func problems(parsing, validation error) error {
	var lines []string
	var many env.AggregateError
	if errors.As(parsing, &many) {
		for _, e := range many.Errors {
			lines = append(lines, parseError(e))
		}
	} else if parsing != nil {
		lines = append(lines, parsing.Error())
	}
	told := len(lines)
	if validation != nil {
		for line := range strings.SplitSeq(validation.Error(), "\n") {
			name, _, _ := strings.Cut(line, ":")
			if !slices.ContainsFunc(lines[:told], func(l string) bool { return strings.HasPrefix(l, name+":") }) {
				lines = append(lines, line)
			}
		}
	}
	if lines == nil {
		return nil
	}
	lines = append(lines, Typos(os.Environ())...) // perhaps what one of them lacks
	return fmt.Errorf("the configuration is wrong:\n  %s", strings.Join(lines, "\n  "))
}

func parseError(err error) string {
	var p env.ParseError
	if !errors.As(err, &p) {
		return err.Error()
	}
	for _, s := range Table() {
		if s.Field == p.Name {
			return fmt.Sprintf("%s: %q is no %s", s.Name, os.Getenv(s.Name), typeNames.Replace(p.Type.String()))
		}
	}
	return err.Error()
}

var typeNames = strings.NewReplacer("config.Limit", "whole number above 0, or off", "config.Period", `duration, like "1h", or off`, "config.Switch", "on, and not off", "time.Duration", `duration, like "5s"`, "int64", "whole number", "int", "whole number")

func nodeID() (string, error) {
	host, err := os.Hostname()
	if err != nil {
		return "", fmt.Errorf("name this node: %w; set NODE_ID", err)
	}
	b := make([]byte, 2)
	if _, err := rand.Read(b); err != nil {
		return "", fmt.Errorf("name this node: %w", err)
	}
	return nodeIDChars.ReplaceAllString(host, "-") + "-" + hex.EncodeToString(b), nil
}

var (
	nodeIDChars = regexp.MustCompile(`[^A-Za-z0-9_-]`)
	nodeIDRE    = regexp.MustCompile(`^[A-Za-z0-9_-]{1,100}$`)
)

// Validate returns every problem, joined.
func (c Config) Validate() error {
	k := &checker{}
	k.address("HTTP_ADDR", c.HTTPAddr)
	if c.AdminAddr != Off {
		k.address("ADMIN_ADDR", c.AdminAddr)
		if c.AdminAddr == c.HTTPAddr && !strings.HasSuffix(c.HTTPAddr, ":0") {
			k.wrong("ADMIN_ADDR", "%s is that of HTTP_ADDR: metrics and pprof want a port that is not public, or off", c.AdminAddr)
		}
	}
	if _, err := redisconn.Options(c.RedisURL); c.RedisURL != "" && err != nil {
		k.wrong("REDIS_URL", "%v", err)
	}
	c.validateEvents(k)
	if c.NodeID != "" && !nodeIDRE.MatchString(c.NodeID) {
		k.wrong("NODE_ID", "%q must have 1 to 100 letters, digits, - or _", c.NodeID)
	}
	k.oneOf("ROLE", c.Role, "all", "gateway", "worker")
	if c.RedisURL == "" && (c.Role == "gateway" || c.Role == "worker") {
		k.wrong("ROLE", "%q needs REDIS_URL: no other node reaches an embedded Redis", c.Role)
	}
	if c.DocsEnabled != "" {
		k.oneOf("DOCS_ENABLED", c.DocsEnabled, "true", "false")
	}
	c.validateTokens(k)
	for _, o := range c.CORSOrigins {
		if !isOrigin(o) {
			k.wrong("CORS_ORIGINS", "%q is no origin, like https://app.example, and not *", o)
		}
	}
	if _, err := proxies.Parse(c.TrustedProxies); err != nil {
		k.wrong("TRUSTED_PROXIES", "%v", err)
	}
	k.directory("STATIC_DIR", c.StaticDir)
	c.validateLanes(k)
	c.Sockets.validate(k)
	c.Tracing.validate(k)
	c.AdminUI.validate(k, c.AdminAddr)
	if _, err := logging.ParseLevels(c.LogLevel); err != nil {
		for mistake := range strings.SplitSeq(err.Error(), "\n") {
			k.wrong("LOG_LEVEL", "%s", mistake)
		}
	}
	if c.LogFormat != "" {
		k.oneOf("LOG_FORMAT", c.LogFormat, "text", "json")
	}
	return errors.Join(k.errs...)
}

// validateLanes checks what the lanes are told, and how a node drains.
func (c Config) validateLanes(k *checker) {
	between(k, "COMMAND_TIMEOUT", c.CommandTimeout, 100*time.Millisecond, time.Hour)
	between(k, "PARTITIONS", c.Partitions, 1, 1024)
	if d := time.Duration(c.IdempotencyTTL); d != 0 && (d < time.Second || d > 7*24*time.Hour) {
		k.wrong("IDEMPOTENCY_TTL", "%s is not between 1s and 168h, and not off", d)
	}
	between(k, "NODE_IN_FLIGHT", c.InFlight, 1, 1_000_000)
	between(k, "PARTITION_BACKLOG", c.Backlog, 1, 1_000_000)
	between(k, "MAX_OUTPUT", c.MaxOutput, 1024, 1<<28)
	if c.DLQMax < c.Partitions || c.DLQMax > 100_000_000 {
		k.wrong("DLQ_MAX", "%d is not between %d (PARTITIONS) and 100000000", c.DLQMax, c.Partitions)
	}
	if c.Strict && c.RedisURL == "" {
		k.wrong("STRICT", "on needs REDIS_URL: an embedded Redis has no replica")
	}
	between(k, "DRAIN_DELAY", c.DrainDelay, 0, time.Minute)
	between(k, "DRAIN_SPREAD", c.DrainSpread, 0, 10*time.Minute)
	if c.CheckOutputs < 0 || c.CheckOutputs > 1_000_000 {
		k.wrong("CHECK_OUTPUTS", "%d is not between 1 and 1000000, and not off", c.CheckOutputs)
	}
}
