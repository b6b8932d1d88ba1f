package config_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/example/switchyard/internal/config"
)

func TestPrintedSettingsShowNoSecret(t *testing.T) {
	t.Parallel()
	c, err := config.Defaults()
	if err != nil {
		t.Fatal(err)
	}
	c.JWTSecret = "hunter2-hunter2-hunter2-hunter2-"
	c.RedisURL = "rediss://node:hunter2@redis.example:6379/0?addr=hunter2"
	c.EventsURL = "nats://me:hunter2@one:4222,nats://me:hunter2@two:4222"
	c.JWKSURL = "https://:hunter2@id.example/keys"
	var out bytes.Buffer
	for _, h := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(h).Info("settings", "config", c)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		fmt.Fprintf(&out, verb+"\n", c)
		fmt.Fprintf(&out, verb+"\n", struct{ C config.Config }{c})
	}
	fmt.Fprintln(&out, errors.New(fmt.Sprint(c)))
	text := out.String()
	if strings.Contains(text, "hunter2") || strings.Contains(text, fmt.Sprintf("%x", "hunter2")) {
		t.Errorf("a secret is shown: %s", text)
	}
	for _, want := range []string{"redis.example:6379", "two:4222", "JWT_SECRET=***", "SOCKET_RATE=50", `"PING_INTERVAL":25000000000`} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is not shown: %s", want, text)
		}
	}
}
