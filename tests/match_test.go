package tests

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

var nameRE = regexp.MustCompile(`\$\w+`)

// fill puts in what names stand for.
func (c *conversation) fill(text string) string {
	return nameRE.ReplaceAllStringFunc(text, func(name string) string {
		if v, ok := c.names[name]; ok {
			return v
		}
		return name
	})
}

// match compares JSON with a pattern: "*" is any text, "$name" any text that is the
// same everywhere, and a member "…" allows members that are not listed.
func (c *conversation) match(pattern, text string) {
	c.t.Helper()
	var want, got any
	if err := json.Unmarshal([]byte(pattern), &want); err != nil {
		c.t.Fatalf("the pattern %s: %v", pattern, err)
	}
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		c.t.Fatalf("heard %s: %v", text, err)
	}
	if where := c.differ(want, got, ""); where != "" {
		c.t.Fatalf("heard  %s\nwanted %s\ndiffers at %s", text, c.fill(pattern), where)
	}
}

// differ returns where two values differ, "" if they match.
func (c *conversation) differ(want, got any, at string) string {
	switch want := want.(type) {
	case string:
		s, ok := got.(string)
		if !ok {
			return at + "/"
		}
		if strings.HasPrefix(want, "$") && c.names[want] == "" {
			c.names[want] = s
		}
		if want != "*" && c.fill(want) != s || s == "" && want != "" {
			return at + "/"
		}
		return ""
	case map[string]any:
		m, ok := got.(map[string]any)
		if !ok {
			return at + "/"
		}
		_, open := want["…"]
		for k, v := range want {
			if k == "…" {
				continue
			}
			if _, ok := m[k]; !ok {
				return at + "/" + k
			}
			if where := c.differ(v, m[k], at+"/"+k); where != "" {
				return where
			}
		}
		for k := range m {
			if _, ok := want[k]; !ok && !open {
				return at + "/" + k
			}
		}
		return ""
	case []any:
		list, ok := got.([]any)
		if !ok || len(list) != len(want) {
			return at + "/"
		}
		for i := range want {
			if where := c.differ(want[i], list[i], fmt.Sprint(at, "/", i)); where != "" {
				return where
			}
		}
		return ""
	}
	if want != got {
		return at + "/"
	}
	return ""
}
