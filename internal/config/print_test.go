package config_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
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
	c.RedisURL = "rediss://node:hunter2@redis.example:6379/0?addr=hunter2"
	c.EventsURL = "nats://me:hunter2@one:4222,nats://hunter2@two:4222"
	c.JWTSecret, c.AdminUI.PasswordHash = "hunter2", "hunter2"
	text := printed(c)
	for _, want := range []string{"redis.example:6379", "two:4222", "JWT_SECRET=***", "ADMIN_UI_PASSWORD_HASH=***", "SOCKET_RATE=50", `"PING_INTERVAL":25000000000`, "SOCKET_TRANSPORTS=[polling websocket]"} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is not shown: %s", want, text)
		}
	}
	for _, secret := range []string{
		"https://me:hunter2@x.example", "https://hunter2@x.example/y", "https://:hunter2@x.example", "x://y?key=hunter2", "x://y#hunter2", "https://x.example/?a=b@hunter2",
		"kafka://me:hunter2,hunter2@one:9092,two:9092", "https://me:hunter2/hunter2@x.example", "https://me:hunter2?hunter2@x.example", "https://me:1#hunter2@x.example", "me:hunter2@x.example", "%zz://me:hunter2@x.example",
	} {
		every(reflect.ValueOf(&c).Elem(), secret)
		if text := printed(c); strings.Contains(text, "hunter2") || strings.Contains(text, fmt.Sprintf("%x", "hunter2")) {
			t.Errorf("of %s a secret is shown: %s", secret, text)
		}
	}
}

// every gives each setting a text that can have one, those of the future, too.
func every(settings reflect.Value, text string) {
	for i := range settings.NumField() {
		switch f := settings.Field(i); {
		case f.Kind() == reflect.Struct:
			every(f, text)
		case f.Kind() == reflect.String:
			f.SetString(text)
		case f.Type() == reflect.TypeFor[[]string]():
			f.Set(reflect.ValueOf([]string{"x", text}))
		}
	}
}

// printed is all that can be made of settings.
func printed(c config.Config) string {
	var out bytes.Buffer
	for _, h := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(h).Info("settings", "config", c)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		fmt.Fprintf(&out, verb+"\n", c)
		fmt.Fprintf(&out, verb+"\n", struct{ C config.Config }{c})
	}
	fmt.Fprintln(&out, errors.New(fmt.Sprint(c)))
	return out.String()
}
