package config

import (
	"fmt"
	"log/slog"
	"reflect"
	"regexp"
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

// masked lists the settings, without what has the tag secret and without the secrets of URLs.
func masked(c reflect.Value) []slog.Attr {
	var all []slog.Attr
	for i := range c.NumField() {
		f, value := c.Type().Field(i), c.Field(i)
		if f.Type.Kind() == reflect.Struct {
			all = append(all, masked(value)...)
			continue
		}
		shown := value.Interface()
		switch v := shown.(type) {
		case string:
			shown = withoutSecrets(v)
		case []string:
			list := make([]string, len(v))
			for i, item := range v {
				list[i] = withoutSecrets(item)
			}
			shown = list
		}
		if f.Tag.Get("secret") == "true" && !value.IsZero() {
			shown = "***"
		}
		all = append(all, slog.Any(f.Tag.Get("env"), shown))
	}
	return all
}

var (
	userinfoRE = regexp.MustCompile(`://[^/?#]*@`)
	queryRE    = regexp.MustCompile(`(://[^?#]*)[?#].*`)
)

// withoutSecrets masks who logs in and the query of a URL, or of a list of them. It does not
// parse them: a password that should have been escaped is a secret, too.
func withoutSecrets(text string) string {
	const login = "://***@"
	text = userinfoRE.ReplaceAllString(text, login)
	if strings.Contains(strings.ReplaceAll(text, login, ""), "@") { // whatever is before it
		return "***"
	}
	return queryRE.ReplaceAllString(text, "$1?***")
}
