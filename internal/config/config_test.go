package config_test

import (
	"bytes"
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/example/switchyard/internal/config"
)

var update = flag.Bool("update", false, "rewrite .env.example and the README's table")

func TestDefaults(t *testing.T) {
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
		CommandTimeout: 5 * time.Second, Partitions: 16, LogLevel: "info",
		Sockets: config.Sockets{
			Path: "/socket.io/", Transports: []string{"polling", "websocket"},
			PingInterval: 25 * time.Second, PingTimeout: 20 * time.Second, ConnectTimeout: 5 * time.Second,
			WriteTimeout: 10 * time.Second, HeaderTimeout: 5 * time.Second, IdleTimeout: 75 * time.Second,
			MaxPayload: 1_000_000, MaxAttachments: 8, AttachmentBytes: 1_000_000, AttachmentTimeout: 10 * time.Second,
			MaxNamespaces: 16, QueueMessages: 4096, QueueBytes: 4 << 20,
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestEveryProblemIsListedAtOnce(t *testing.T) {
	for name, value := range map[string]string{
		"HTTP_ADDR": "8080", "REDIS_URL": "http://:hunter2@x", "NODE_ID": "a b", "ROLE": "boss", "AUTH_MODE": "jwt", "JWT_SECRET": "short",
		"CORS_ORIGINS": "app.example", "COMMAND_TIMEOUT": "soon", "PARTITIONS": "many", "LOG_LEVEL": "loud", "LOG_FORMAT": "xml",
		"SOCKET_PATH": "socket.io", "SOCKET_TRANSPORTS": "pigeon", "SOCKET_EIO3": "perhaps", "PING_INTERVAL": "1ms", "MAX_PAYLOAD": "1", "QUEUE_BYTES": "70000",
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
		`PARTITIONS: "many" is no int`, `LOG_LEVEL: "loud" is not`, `LOG_FORMAT: "xml" is not`,
		`SOCKET_PATH: "socket.io" must begin`, `SOCKET_TRANSPORTS: "pigeon" is not`, `SOCKET_EIO3: "perhaps" is no bool`, `PING_INTERVAL: 1ms is not between`,
		`MAX_PAYLOAD: 1 is not between`,
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

func TestPrintHidesSecrets(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	config.Config{RedisURL: "redis://:hunter2@redis:6379", JWTSecret: "hunter2", CORSOrigins: []string{"https://a.example", "*"}}.Print(&b)
	got := b.String()
	if strings.Contains(got, "hunter2") || !strings.Contains(got, "REDIS_URL=redis://:xxxxx@redis:6379\n") ||
		!strings.Contains(got, "JWT_SECRET=(set)\n") || !strings.Contains(got, "CORS_ORIGINS=https://a.example,*\n") {
		t.Error(got)
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
