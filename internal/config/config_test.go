package config_test

import (
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/example/switchyard/internal/config"
)

var update = flag.Bool("update", false, "rewrite .env.example and the README's table")

// unset removes the settings that the test inherits from whoever runs it.
func unset(t *testing.T) {
	t.Helper()
	for _, s := range config.Table() {
		t.Setenv(s.Name, "")
	}
}

func TestDefaults(t *testing.T) {
	unset(t)
	got, err := config.Load()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(got.NodeID, "-") {
		t.Errorf("node id %q", got.NodeID)
	}
	got.NodeID = ""
	want := config.Config{
		HTTPAddr: ":8080", AdminAddr: "127.0.0.1:9090", Role: "all", AuthMode: "none",
		CommandTimeout: 5 * time.Second, Partitions: 16, IdempotencyTTL: config.Period(time.Hour), InFlight: 2000, Backlog: 1000, MaxOutput: 4_000_000, DLQMax: 100_000, DrainSpread: 500 * time.Millisecond, CheckOutputs: 100, LogLevel: "info",
		Events: "redis", EventsTopic: "switchyard-events", AdminUI: config.AdminUI{Mode: "production"},
		Sockets: config.Sockets{
			Path: "/socket.io/", Parser: "json", Transports: []string{"polling", "websocket"},
			PingInterval: 25 * time.Second, PingTimeout: 20 * time.Second, ConnectTimeout: 5 * time.Second,
			WriteTimeout: 10 * time.Second, HeaderTimeout: 5 * time.Second, IdleTimeout: 75 * time.Second,
			MaxPayload: 1_000_000, MaxAttachments: 8, AttachmentBytes: 1_000_000, AttachmentTimeout: 10 * time.Second,
			MaxNamespaces: 16, Rate: 50, Unacked: 32, QueueMessages: 4096, QueueBytes: 4 << 20,
		},
		Tracing: config.Tracing{Protocol: "http/protobuf", Sampler: "parentbased_always_on"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	t.Setenv("PARTITIONS", "2")
	if got, err = config.Defaults(); err != nil || !cmp.Equal(want, got) {
		t.Errorf("Defaults, whatever the environment says: %v %s", err, cmp.Diff(want, got))
	}
}

func TestEveryProblemIsListedAtOnce(t *testing.T) {
	unset(t)
	for name, value := range map[string]string{
		"HTTP_ADDR": "8080", "REDIS_URL": "http://:hunter2@x", "NODE_ID": "a b", "ROLE": "boss", "AUTH_MODE": "jwt", "JWT_SECRET": "short",
		"CORS_ORIGINS": "app.example", "COMMAND_TIMEOUT": "soon", "PARTITIONS": "many", "IDEMPOTENCY_TTL": "long", "MAX_OUTPUT": "4MB", "DLQ_MAX": "-1", "STRICT": "very", "LOG_LEVEL": "loud,brokers=info", "LOG_FORMAT": "xml",
		"SOCKET_PATH": "socket.io", "SOCKET_TRANSPORTS": "pigeon", "SOCKET_PARSER": "xml", "SOCKET_EIO3": "perhaps", "PING_INTERVAL": "1ms", "MAX_PAYLOAD": "1", "QUEUE_BYTES": "70000", "CONNS_PER_ADDRESS": "none",
		"DOCS_ENABLED": "maybe",
		"SOCKET_RATE":  "0", "SOCKET_UNACKED": "-1", "NODE_IN_FLIGHT": "0", "PARTITION_BACKLOG": "off",
		"EVENTS": "pigeon", "EVENTS_TOPIC": "a.b",
		"ADMIN_UI_USER": "ops", "ADMIN_UI_PASSWORD_HASH": "hunter2", "ADMIN_UI_MODE": "debug", "ADMIN_UI_READONLY": "yes", "ADMIN_UI_ORIGINS": "*", "ADMIN_UI_DIR": "/no/such",
		"CHECK_OUTPUTS":               "-1",
		"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4318", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "ftp://:hunter2@x", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
		"OTEL_TRACES_EXPORTER": "zipkin", "OTEL_TRACES_SAMPLER": "sometimes", "OTEL_SDK_DISABLED": "perhaps",
		"TRUSTED_PROXIES": "10.0.0.0/8, proxy",
	} {
		t.Setenv(name, value)
	}
	_, err := config.Load()
	if err == nil {
		t.Fatal("no problem found")
	}
	for _, want := range []string{
		`HTTP_ADDR: "8080" is no host:port`, `REDIS_URL: it must look like`, `NODE_ID: "a b" must`, `ROLE: "boss" is not one of all, gateway, worker`,
		`JWT_SECRET: AUTH_MODE=jwt needs`, `CORS_ORIGINS: "app.example" is no origin`, `COMMAND_TIMEOUT: "soon" is no duration`,
		`PARTITIONS: "many" is no whole number`, `IDEMPOTENCY_TTL: "long" is no duration, like "1h", or off`, `MAX_OUTPUT: "4MB" is no whole number`, `DLQ_MAX: -1 is not between`, `STRICT: "very" is no on, and not off`, `LOG_LEVEL: "loud" is not`, `LOG_FORMAT: "xml" is not one of text, json`,
		`SOCKET_PATH: "socket.io" must begin`, `SOCKET_TRANSPORTS: "pigeon" is not`, `SOCKET_PARSER: "xml" is not one of json, msgpack`, `SOCKET_EIO3: "perhaps" is no bool`, `PING_INTERVAL: 1ms is not between`,
		`DOCS_ENABLED: "maybe" is not one of true, false`,
		`OTEL_EXPORTER_OTLP_ENDPOINT: it must look like http`, `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: it must look like http`, `OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" is not one of http/protobuf, http/json`,
		`OTEL_TRACES_EXPORTER: "zipkin" is not one of otlp, none`, `OTEL_TRACES_SAMPLER: "sometimes" is not one of always_on, `, `OTEL_SDK_DISABLED: "perhaps" is no bool`,
		`LOG_LEVEL: "brokers" is no component; there are admin, auth, broker, `, `CHECK_OUTPUTS: -1 is not`, `TRUSTED_PROXIES: "proxy" is no network`,
		`MAX_PAYLOAD: 1 is not between`, `CONNS_PER_ADDRESS: "none" is no whole number above 0, or off`,
		`SOCKET_RATE: "0" is no whole number above 0, or off`, `SOCKET_UNACKED: -1 is not between`, `NODE_IN_FLIGHT: 0 is not between 1 and`, `PARTITION_BACKLOG: "off" is no whole number`,
		`ADMIN_UI_PASSWORD_HASH: it is no bcrypt hash`, `ADMIN_UI_MODE: "debug" is not one of production, development`, `ADMIN_UI_READONLY: "yes" is no on`,
		`ADMIN_UI_ORIGINS: "*" is no origin`, `ADMIN_UI_DIR: "/no/such" is no directory`,
		`EVENTS: "pigeon" is not one of redis, nats, amqp, kafka`, `EVENTS_TOPIC: "a.b" must have`,
	} {
		if !strings.Contains(err.Error(), "\n  "+want) {
			t.Errorf("missing: %s", want)
		}
	}
	if n := strings.Count(err.Error(), "COMMAND_TIMEOUT"); n != 1 {
		t.Errorf("COMMAND_TIMEOUT is told %d times", n)
	}
	if strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "short") {
		t.Error("the error shows a secret")
	}
	if t.Failed() {
		t.Log(err)
	}
}

const adminHash = "$2a$10$5BApy.WsSF/7BKsl9JZKQuBWKbsvpbQH3S.c9vBtGEeu4sQi43l6u"

const likeRedis = "it must look like redis://host:6379/0, for more nodes of a Cluster redis://host:6379?addr=host2:6379, or for Sentinels redis://host:26379/0?master_name=mymaster&addr=host2:26379"

func TestOneProblem(t *testing.T) {
	for name, tc := range map[string]struct {
		env  []string // name, value, ...
		want string   // the one problem; "" for none
	}{
		"secret unused":                      {[]string{"JWT_SECRET", strings.Repeat("s", 32)}, "JWT_SECRET: it is set, but AUTH_MODE is none: set AUTH_MODE=jwt, or remove it"},
		"secret used":                        {[]string{"JWT_SECRET", strings.Repeat("s", 32), "AUTH_MODE", "jwt"}, ""},
		"two kinds of keys":                  {[]string{"JWT_SECRET", strings.Repeat("s", 32), "JWKS_URL", "https://id.example/keys", "AUTH_MODE", "jwt"}, "JWKS_URL: JWT_SECRET is set, too: tokens are signed with the one or with the others, so remove one of both"},
		"published keys":                     {[]string{"JWKS_URL", "https://id.example/keys", "JWT_ISSUER", "https://id.example", "JWT_AUDIENCE", "chat", "AUTH_MODE", "jwt"}, ""},
		"keys of no server":                  {[]string{"JWKS_URL", "file:///keys?hunter2", "AUTH_MODE", "jwt"}, "JWKS_URL: it must look like https://id.example/keys"},
		"keys unused":                        {[]string{"JWKS_URL", "https://id.example/keys"}, "JWKS_URL: it is set, but AUTH_MODE is none: set AUTH_MODE=jwt, or remove it"},
		"audience unused":                    {[]string{"JWT_AUDIENCE", "chat"}, "JWT_AUDIENCE: it is set, but AUTH_MODE is none: set AUTH_MODE=jwt, or remove it"},
		"unknown role":                       {[]string{"ROLE", "boss"}, `ROLE: "boss" is not one of all, gateway, worker`},
		"role without Redis":                 {[]string{"ROLE", "worker"}, `ROLE: "worker" needs REDIS_URL: no other node reaches an embedded Redis`},
		"host by name":                       {[]string{"HTTP_ADDR", "no-such-host.invalid:80"}, ""},
		"port too large":                     {[]string{"HTTP_ADDR", ":65536"}, `HTTP_ADDR: ":65536" is no host:port, like :8080`},
		"port by name":                       {[]string{"ADMIN_ADDR", ":http"}, `ADMIN_ADDR: ":http" is no host:port, like :8080`},
		"Redis database":                     {[]string{"REDIS_URL", "redis://x/zero"}, "REDIS_URL: " + likeRedis},
		"Redis option":                       {[]string{"REDIS_URL", "redis://x?colour=red"}, "REDIS_URL: " + likeRedis},
		"Redis by Sentinels":                 {[]string{"REDIS_URL", "redis://x:26379/1?master_name=m&addr=y:26379"}, ""},
		"Redis by socket":                    {[]string{"REDIS_URL", "unix:///run/redis.sock?db=1"}, ""},
		"records for long":                   {[]string{"IDEMPOTENCY_TTL", "1000h"}, "IDEMPOTENCY_TTL: 1000h0m0s is not between 1s and 168h, and not off"},
		"records off":                        {[]string{"IDEMPOTENCY_TTL", "off"}, ""},
		"records 0":                          {[]string{"IDEMPOTENCY_TTL", "0"}, ""},
		"limits off":                         {[]string{"SOCKET_RATE", "off", "SOCKET_UNACKED", "off"}, ""},
		"no replica":                         {[]string{"STRICT", "on"}, "STRICT: on needs REDIS_URL: an embedded Redis has no replica"},
		"dead letters":                       {[]string{"DLQ_MAX", "15"}, "DLQ_MAX: 15 is not between 16 (PARTITIONS) and 100000000"},
		"output":                             {[]string{"MAX_OUTPUT", "1000"}, "MAX_OUTPUT: 1000 is not between 1024 and 268435456"},
		"events over NATS":                   {[]string{"EVENTS", "nats", "EVENTS_URL", "nats://one:4222,nats://two:4222", "REDIS_URL", "redis://x"}, ""},
		"events over AMQP":                   {[]string{"EVENTS", "amqp", "EVENTS_URL", "amqp://me:hunter2@x", "REDIS_URL", "redis://x"}, ""},
		"events over Kafka":                  {[]string{"EVENTS", "kafka", "EVENTS_URL", "kafka://one:9092,two:9092", "REDIS_URL", "redis://x"}, ""},
		"events embedded":                    {[]string{"EVENTS", "nats", "EVENTS_URL", "nats://x"}, `EVENTS: "nats" needs REDIS_URL: an embedded Redis has one node`},
		"events of a kind":                   {[]string{"EVENTS", "kafka", "EVENTS_URL", "amqp://me:hunter2@x", "REDIS_URL", "redis://x"}, "EVENTS_URL: EVENTS=kafka needs a URL like kafka://host:port"},
		"events nowhere":                     {[]string{"EVENTS", "amqp", "REDIS_URL", "redis://x"}, "EVENTS_URL: EVENTS=amqp needs a URL like amqp://host:port"},
		"events unused":                      {[]string{"EVENTS_URL", "nats://x"}, "EVENTS_URL: it is set, but EVENTS is redis: set EVENTS, or remove it"},
		"an admin":                           {[]string{"ADMIN_UI_USER", "ops", "ADMIN_UI_PASSWORD_HASH", adminHash}, ""},
		"an admin nowhere":                   {[]string{"ADMIN_UI_USER", "ops", "ADMIN_UI_PASSWORD_HASH", adminHash, "ADMIN_ADDR", "off"}, "ADMIN_UI_USER: the Admin UI is on ADMIN_ADDR, which is off"},
		"a cheap password":                   {[]string{"ADMIN_UI_USER", "ops", "ADMIN_UI_PASSWORD_HASH", strings.Replace(adminHash, "$10$", "$04$", 1)}, "ADMIN_UI_PASSWORD_HASH: its cost, 4, is not between 10 and 14"},
		"no admin":                           {[]string{"ADMIN_UI_PASSWORD_HASH", adminHash}, "ADMIN_UI_USER: ADMIN_UI_PASSWORD_HASH is set, but nobody is named who has the password"},
		"one port":                           {[]string{"HTTP_ADDR", ":8080", "ADMIN_ADDR", ":8080"}, "ADMIN_ADDR: :8080 is that of HTTP_ADDR: metrics and pprof want a port that is not public, or off"},
		"ports of their own":                 {[]string{"HTTP_ADDR", "127.0.0.1:0", "ADMIN_ADDR", "127.0.0.1:0"}, ""},
		"the origin https://app.example:443": {[]string{"CORS_ORIGINS", "https://app.example:443"}, `CORS_ORIGINS: "https://app.example:443" is no origin, like https://app.example, and not *`},
		"the origin https://App.example":     {[]string{"CORS_ORIGINS", "https://App.example"}, `CORS_ORIGINS: "https://App.example" is no origin, like https://app.example, and not *`},
		"the origin https://app.example?x":   {[]string{"CORS_ORIGINS", "https://app.example?x"}, `CORS_ORIGINS: "https://app.example?x" is no origin, like https://app.example, and not *`},
		"the origin https://me@app.example":  {[]string{"CORS_ORIGINS", "https://me@app.example"}, `CORS_ORIGINS: "https://me@app.example" is no origin, like https://app.example, and not *`},
		"other origins":                      {[]string{"CORS_ORIGINS", "http://localhost:5173,capacitor://localhost,https://[::1]:8443"}, ""},
		"traces off":                         {[]string{"OTEL_SDK_DISABLED", "true", "OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317", "OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "OTEL_TRACES_SAMPLER", "xray"}, ""},
		"traces nowhere":                     {[]string{"OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "OTEL_TRACES_SAMPLER", "xray"}, ""},
		"traces by gRPC":                     {[]string{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://x:4317", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "grpc"}, `OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: "grpc" is not one of http/protobuf, http/json`},
		"traces by HTTP":                     {[]string{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://x:4318", "OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/protobuf"}, ""},
		"unknown exporter":                   {[]string{"OTEL_SDK_DISABLED", "true", "OTEL_TRACES_EXPORTER", "zipkin"}, `OTEL_TRACES_EXPORTER: "zipkin" is not one of otlp, none`},
		"spaces in lists":                    {[]string{"CORS_ORIGINS", "https://a.example , https://b.example", "SOCKET_TRANSPORTS", "polling, websocket"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			unset(t)
			for i := 0; i < len(tc.env); i += 2 {
				t.Setenv(tc.env[i], tc.env[i+1])
			}
			got, want := "", ""
			if _, err := config.Load(); err != nil {
				got = err.Error()
			}
			if tc.want != "" {
				want = "the configuration is wrong:\n  " + tc.want
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// The table of settings stands in three places; this is what keeps them the same.
func TestDocumentsShowTheTable(t *testing.T) {
	t.Parallel()
	const example, readme, begin, end = "../../.env.example", "../../README.md", "<!-- settings -->\n", "<!-- /settings -->"
	page, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(page), begin)
	_, tail, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("the README has no %s … %s", begin, end)
	}
	want := head + begin + config.Markdown() + end + tail
	if *update {
		for path, text := range map[string]string{example: config.EnvExample(), readme: want} {
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		return
	}
	if diff := cmp.Diff(want, string(page)); diff != "" {
		t.Errorf("README.md, run `make generate`: %s", diff)
	}
	got, err := os.ReadFile(example)
	if diff := cmp.Diff(config.EnvExample(), string(got)); err != nil || diff != "" {
		t.Errorf(".env.example, run `make generate`: %v %s", err, diff)
	}
}
