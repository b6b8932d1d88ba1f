package config

import (
	"fmt"
	"net/url"
	"reflect"
	"strings"
)

// A Setting is one line of the table of settings.
type Setting struct {
	Name    string // of the environment variable
	Field   string // of Config
	Default string
	Doc     string
	Value   string // in effect; of a secret only whether there is one
}

// Table lists the settings in their order, for documents.
func Table() []Setting { return Config{}.settings() }

func (c Config) settings() []Setting { return settings(reflect.ValueOf(c)) }

func settings(v reflect.Value) []Setting {
	var list []Setting
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if f.Type.Kind() == reflect.Struct {
			list = append(list, settings(v.Field(i))...)
			continue
		}
		s := Setting{Name: f.Tag.Get("env"), Field: f.Name, Default: f.Tag.Get("envDefault"), Doc: f.Tag.Get("doc")}
		switch value := v.Field(i).Interface().(type) {
		case []string:
			s.Value = strings.Join(value, ",")
		default:
			s.Value = fmt.Sprint(value)
		}
		switch {
		case f.Tag.Get("secret") != "" && s.Value != "":
			s.Value = "(set)"
		case f.Name == "RedisURL" && s.Value != "":
			if u, err := url.Parse(s.Value); err == nil {
				s.Value = u.Redacted()
			}
		}
		list = append(list, s)
	}
	return list
}

// EnvExample is the text of .env.example.
func EnvExample() string {
	var b strings.Builder
	b.WriteString("# Every setting with its default. Copy to .env and change what you need.\n")
	for _, s := range Table() {
		fmt.Fprintf(&b, "\n# %s\n# %s=%s\n", s.Doc, s.Name, s.Default)
	}
	return b.String()
}

// Markdown is the table for the README.
func Markdown() string {
	var b strings.Builder
	b.WriteString("| variable | default | what it is |\n|---|---|---|\n")
	for _, s := range Table() {
		value := ""
		if s.Default != "" {
			value = "`" + s.Default + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", s.Name, value, s.Doc)
	}
	return b.String()
}
