package redisconn_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/example/switchyard/internal/redisconn"
	"github.com/example/switchyard/internal/testenv"
)

func TestOpen(t *testing.T) {
	t.Parallel()
	log := slog.New(slog.DiscardHandler)
	for name, url := range map[string]string{"embedded": "", "redis": testenv.Redis(t)} {
		c, stop, err := redisconn.Open(t.Context(), url, log)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := c.Reads.Set(t.Context(), "k", "v", 0).Err(); err != nil || c.Embedded != (url == "") {
			t.Errorf("%s: %v, embedded %t", name, err, c.Embedded)
		}
		stop()
		if c.Commands.Ping(t.Context()).Err() == nil {
			t.Errorf("%s: still open", name)
		}
	}
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	log := slog.New(slog.DiscardHandler)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, _, err := redisconn.Open(ctx, "redis://127.0.0.1:1", log); err == nil || !strings.Contains(err.Error(), "Redis does not answer") {
		t.Errorf("nobody listens: %v", err)
	}
	if _, _, err := redisconn.Open(t.Context(), "redis://:hunter2@[", log); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("bad URL: %v", err)
	}
}
