package jsonscan_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/example/switchyard/internal/jsonscan"
)

func TestFind(t *testing.T) {
	t.Parallel()
	const text = ` {"a":"1","b":[{"c":"2"},{"c":["3","4"]},"5"],"\u0061":"6","d":{"x":"7","y":{"z":"8"}}} `
	for patterns, want := range map[string][]string{
		"/a":           {`"1"`, `"6"`},
		"/b/*/c":       {`"2"`, `["3","4"]`},
		"/b/*/c/*":     {`"3"`, `"4"`},
		"/b/1/c/0 /a":  {`"1"`, `"3"`, `"6"`},
		"/d/* /d/x":    {`"7"`, `{"z":"8"}`},
		"/d/*/z":       {`"8"`},
		"/e /a/x /b/9": nil,
	} {
		var got []string
		err := jsonscan.Find([]byte(text), strings.Fields(patterns), func(start, end int) { got = append(got, text[start:end]) })
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v %s", patterns, err, diff)
		}
	}
	var whole string
	if err := jsonscan.Find([]byte(text), []string{"/a", ""}, func(start, end int) { whole += text[start:end] }); err != nil || whole != strings.TrimSpace(text) {
		t.Errorf("%v %s", err, whole)
	}
}

// Find passes what encoding/json does, whatever it looks for.
func FuzzFind(f *testing.F) {
	for _, text := range []string{`{"a":[{"b":1}]}`, `[[[]]]`, `{"a":{"b":{}}}`, `{"a"`, `[1,]`, `"x"`, `{"a":[}`} {
		f.Add([]byte(text), "/a/*/b")
		f.Add([]byte(text), "x")
	}
	f.Fuzz(func(t *testing.T, text []byte, pattern string) {
		err := jsonscan.Find(text, []string{pattern, "/*/*/*/*"}, func(start, end int) {
			if !json.Valid(text[start:end]) {
				t.Errorf("found %q in %q", text[start:end], text)
			}
		})
		if err == nil && !json.Valid(text) {
			t.Errorf("%q passes", text)
		}
	})
}
