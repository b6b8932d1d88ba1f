package config

import (
	"fmt"
	"reflect"
	"strings"
)

// A Setting is one line of the table of settings.
type Setting struct {
	Name    string // of the environment variable
	Field   string // of Config
	Default string
	Doc     string
}

// Table lists the settings in their order, for documents.
func Table() []Setting { return settings(reflect.TypeFor[Config]()) }

func settings(t reflect.Type) []Setting {
	var list []Setting
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Type.Kind() == reflect.Struct {
			list = append(list, settings(f.Type)...)
			continue
		}
		list = append(list, Setting{Name: f.Tag.Get("env"), Field: f.Name, Default: f.Tag.Get("envDefault"), Doc: f.Tag.Get("doc")})
	}
	return list
}

// EnvExample is the text of .env.example.
func EnvExample() string {
	var b strings.Builder
	b.WriteString("# Every setting with its default. docker compose reads a copy named .env; a node that you\n" +
		"# start yourself reads its environment alone: set -a; . ./.env; make run\n")
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
