package spec_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/jsonschema-go/jsonschema"
	"go.yaml.in/yaml/v3"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/spec"
)

var update = flag.Bool("update", false, "rewrite testdata")

// The documents of a service that declares all that can be declared. tests gives them to
// AsyncAPI's own parser and to the TypeScript compiler.
func TestGoldenDocuments(t *testing.T) {
	t.Parallel()
	files, err := spec.Files(compile(t, catalog()), "/socket.io/")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if strings.HasSuffix(f.Name, ".json") {
			continue // TestYAMLSaysWhatJSONSays
		}
		path := filepath.Join("testdata", f.Name)
		if f.Name == "asyncapi" {
			path += ".html"
		}
		if *update {
			if err := os.WriteFile(path, f.Body, 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		golden, err := os.ReadFile(path)
		if diff := cmp.Diff(string(golden), string(f.Body)); err != nil || diff != "" {
			t.Errorf("%s, run go test ./internal/spec -update: %v %s", path, err, diff)
		}
	}
}

func TestTheSameDeclarationsGiveTheSameBytes(t *testing.T) {
	t.Parallel()
	first, err := spec.Files(compile(t, catalog()), "/")
	for range 5 {
		again, err2 := spec.Files(compile(t, catalog()), "/")
		if err != nil || err2 != nil || !slices.EqualFunc(first, again, func(a, b spec.File) bool { return a.Name == b.Name && bytes.Equal(a.Body, b.Body) }) {
			t.Fatal("two runs differ", err, err2)
		}
	}
}

func TestYAMLSaysWhatJSONSays(t *testing.T) {
	t.Parallel()
	text := []byte(`{"a":"1","b":"true","c":"null","d":"x: y","e":"#x","f":1.5,"g":true,"h":{},"i":[],"j":"two\nlines","k":"","l":"2026-01-02","m":[{"$ref":"#/x"}],"n":"*","o":null,"p":"é\u0007"}`)
	asYAML, err := spec.YAML(text)
	if err != nil {
		t.Fatal(err)
	}
	var want, got any
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(asYAML, &got); err != nil {
		t.Fatal(err)
	}
	back, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	got = nil
	if err := json.Unmarshal(back, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s\n%s", diff, asYAML)
	}
}

// Every command, event and question is in the document, and nothing else is; what refers
// to each other agrees.
func TestCompleteBothWays(t *testing.T) {
	t.Parallel()
	c := catalog()
	d := document(t, c)
	want := map[string]string{} // operation -> event
	key := func(n contract.Namespace, event string) string {
		if n.Name == "/" {
			return "main:" + event
		}
		return strings.NewReplacer("/", ".", "{", "", "}", "", "*", "any").Replace(strings.TrimPrefix(n.Name, "/")) + ":" + event
	}
	for _, n := range c.Namespaces {
		want[key(n, "resync")], want[key(n, "error")] = "resync", "error"
	}
	for _, r := range c.Routes {
		if !r.Internal {
			want[r.Operation] = r.Event
		} else if _, ok := d.Internal[r.Operation]; !ok {
			t.Errorf("the internal command %s is missing", r.Operation)
		}
	}
	for _, e := range c.Events {
		want[key(e.Namespace, e.Name)] = e.Name
	}
	for _, a := range c.Asks {
		want[key(a.Namespace, a.Name)] = a.Name
	}
	got, inChannels := map[string]string{}, 0
	for id, o := range d.Operations {
		got[id] = messageOf(t, d, o.Messages[0].Ref).Name
		for _, emitted := range append(slices.Clone(o.Emits), o.Asks...) {
			if sent := d.Operations[emitted]; sent == nil || !slices.Contains(sent.TriggeredBy, id) {
				t.Errorf("%s emits %s, which does not say so", id, emitted)
			}
		}
		for _, by := range o.TriggeredBy {
			emits := append(slices.Clone(d.Internal[by].Emits), d.Internal[by].Asks...)
			if r := d.Operations[by]; r != nil {
				emits = append(slices.Clone(r.Emits), r.Asks...)
			}
			if !slices.Contains(emits, id) {
				t.Errorf("%s is triggered by %s, which does not say so", id, by)
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, channel := range d.Channels {
		if channel.Address != nil {
			inChannels += len(channel.Messages)
		}
	}
	if inChannels != len(want) {
		t.Errorf("the channels have %d messages, the catalog %d", inChannels, len(want))
	}
}

// What the parser of AsyncAPI does not look at: a reply's messages are those of its
// channel, and every reference leads somewhere.
func TestRepliesAndReferences(t *testing.T) {
	t.Parallel()
	d := document(t, catalog())
	for id, o := range d.Operations {
		if o.Action == "receive" && (o.Reply == nil || len(o.Reply.Messages) != 2) {
			t.Errorf("%s is not acknowledged by a result or a problem", id)
		}
		if o.Reply == nil {
			continue
		}
		channel := d.Channels[strings.TrimPrefix(o.Reply.Channel.Ref, "#/channels/")]
		if channel == nil || channel.Address != nil {
			t.Fatalf("%s: the channel of its reply is not there, or has an address", id)
		}
		for _, m := range o.Reply.Messages {
			if !strings.HasPrefix(m.Ref, o.Reply.Channel.Ref+"/messages/") {
				t.Errorf("%s: the reply %s is not in the reply's channel", id, m.Ref)
			}
			messageOf(t, d, m.Ref)
		}
	}
	for _, ref := range refs(t, d) {
		if name, ok := strings.CutPrefix(ref, "#/components/schemas/"); ok && d.Components.Schemas[name] == nil {
			t.Errorf("%s is not there", ref)
		}
	}
}

func messageOf(t *testing.T, d *spec.Document, ref string) *spec.Message {
	t.Helper()
	channel, key, _ := strings.Cut(strings.TrimPrefix(ref, "#/channels/"), "/messages/")
	m := d.Channels[channel].Messages[key]
	if m != nil && m.Ref != "" {
		m = d.Components.Messages[strings.TrimPrefix(m.Ref, "#/components/messages/")]
	}
	if m == nil {
		t.Fatalf("%s is not there", ref)
	}
	return m
}

func refs(t *testing.T, d any) (all []string) {
	t.Helper()
	text, err := spec.JSON(d)
	if err != nil {
		t.Fatal(err)
	}
	var tree any
	if err := json.Unmarshal(text, &tree); err != nil {
		t.Fatal(err)
	}
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if ref, ok := v["$ref"].(string); ok {
				all = append(all, ref)
			}
			for _, child := range v {
				walk(child)
			}
		case []any:
			for _, child := range v {
				walk(child)
			}
		}
	}
	walk(tree)
	return all
}

// The parser of AsyncAPI lets examples pass that break their schemas.
func TestExamplesMatchTheirSchemas(t *testing.T) {
	t.Parallel()
	d := document(t, catalog())
	text, err := json.Marshal(d.Components.Schemas)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, channel := range d.Channels {
		for _, m := range channel.Messages {
			for _, e := range m.Examples {
				found++
				payload, err := json.Marshal(m.Payload)
				if err != nil {
					t.Fatal(err)
				}
				root := `{"$defs":` + string(text) + `,"allOf":[` + string(payload) + `]}`
				var s jsonschema.Schema
				if err := json.Unmarshal([]byte(strings.ReplaceAll(root, "#/components/schemas/", "#/$defs/")), &s); err != nil {
					t.Fatal(err)
				}
				resolved, err := s.Resolve(nil)
				if err != nil {
					t.Fatal(err)
				}
				example, err := json.Marshal(e.Payload)
				var value any
				if err2 := json.Unmarshal(example, &value); err != nil || err2 != nil {
					t.Fatal(err, err2)
				}
				if err := resolved.Validate(value); err != nil {
					t.Errorf("%s: %s: %v", m.Name, example, err)
				}
			}
		}
	}
	if found < 3 {
		t.Errorf("found only %d examples", found)
	}
}
