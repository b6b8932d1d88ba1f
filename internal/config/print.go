package config

import (
	"fmt"
	"log/slog"
	"net/url"
	"reflect"
	"strings"
)

// Format prints the settings with their secrets masked, whatever the verb, so that no
// error and no log line that has a Config shows one.
func (c Config) Format(w fmt.State, _ rune) {
	var all []string
	for _, a := range masked(reflect.ValueOf(c)) {
		all = append(all, a.String())
	}
	_, _ = fmt.Fprint(w, strings.Join(all, " ")) // a writer that fails has its own error
}

// LogValue is a group of the settings, with their secrets masked.
func (c Config) LogValue() slog.Value { return slog.GroupValue(masked(reflect.ValueOf(c))...) }

// masked lists the settings. Of a URL the password is a secret, and of others all that
// has the tag secret.
func masked(c reflect.Value) []slog.Attr {
	var all []slog.Attr
	for i := range c.NumField() {
		f, value := c.Type().Field(i), c.Field(i)
		if f.Type.Kind() == reflect.Struct {
			all = append(all, masked(value)...)
			continue
		}
		shown := value.Interface()
		if text := value.String(); f.Type.Kind() == reflect.String && text != "" {
			switch {
			case f.Tag.Get("secret") == "true":
				shown = "***"
			case strings.HasSuffix(f.Name, "URL"):
				shown = withoutPassword(text)
			}
		}
		all = append(all, slog.Any(f.Tag.Get("env"), shown))
	}
	return all
}

// withoutPassword masks what may be secret in a URL, or in a list of them: whatever it is
// if it cannot be read.
func withoutPassword(text string) string {
	var all []string
	for part := range strings.SplitSeq(text, ",") {
		u, err := url.Parse(part)
		if err != nil {
			return "***"
		}
		if u.RawQuery != "" {
			u.RawQuery = "***"
		}
		if u.Opaque != "" {
			u.Opaque = "***"
		}
		all = append(all, u.Redacted())
	}
	return strings.Join(all, ",")
}
