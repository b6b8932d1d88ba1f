package broker

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNumbering(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		entries string // read one after the other; "=a.1" compares with that counter, which is told
		want    string // what each gives: new, seen, or a reason
	}{
		"in order":                     {"a.6 a.7 a.8 =a.8", "new new new -"},
		"a jump":                       {"a.6 a.8 a.9 =a.9", "new gap new -"},
		"again":                        {"a.5 a.6 a.6 a.4", "seen new seen seen"},
		"another owner":                {"a.6 b.1<a.6 b.2 c.1<b.2 =c.1", "new new new new -"},
		"the end of a series missed":   {"a.6 b.1<a.7 b.2", "new epoch new"},
		"the start of a series missed": {"b.2 b.3", "epoch new"},
		"series read before":           {"b.1<a.5 c.1<b.1 a.4 a.5 b.1<a.5 a.6", "new new seen seen seen epoch"},
		"idle, and behind":             {"=a.7 =a.7 a.8 =a.8", "gap - new -"},
		"told, and there after all":    {"=a.7 a.6 a.7 a.8", "gap new new new"},
		"told, and partly there":       {"=a.8 a.7 a.9", "gap new new"},
		"told of another series":       {"=b.3 b.4 b.5", "epoch new new"},
		"told, and series there":       {"=b.2 a.6 b.1<a.6 b.2 b.3", "epoch new new new new"},
		"emptied":                      {"=.0 b.1<.0 b.2", "epoch new new"},
		"emptied, and not told":        {"b.1<.0 b.2", "epoch new"},
		"taken back":                   {"=a.3 =a.3 a.4 a.5 a.6", "epoch - seen seen new"},
		"taken back, then another":     {"=a.3 b.1<a.3 b.2", "epoch new new"},
		"taken back twice":             {"=a.3 b.1<a.3 =a.3", "epoch new epoch"},
	} {
		n := numbering{at: mark{"a", 5}, told: mark{"a", 5}}
		var got []string
		for _, e := range strings.Fields(tc.entries) {
			if counter, ok := strings.CutPrefix(e, "="); ok {
				m, _ := parseMark(counter)
				reason := n.compare(m)
				if reason != "" {
					n.told = m
				} else {
					reason = "-"
				}
				got = append(got, reason)
				continue
			}
			at, before, ok := parseSeq(strings.Replace(e, "<", " ", 1))
			if !ok {
				t.Fatalf("%s: not a number: %s", name, e)
			}
			switch seen, reason := n.take(at, before); {
			case seen:
				got = append(got, "seen")
			case reason != "":
				got = append(got, reason)
			default:
				got = append(got, "new")
			}
		}
		if diff := cmp.Diff(strings.Fields(tc.want), got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestNumbersOfStrangers(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "a", "a.", ".", "a.x", "a.-1", "a.0", "a.1", "a.2 b.1", "a.1 b", "a.99999999999999999999"} {
		if at, before, ok := parseSeq(s); ok {
			t.Errorf("%q gives %v after %v", s, at, before)
		}
	}
}

func TestSeriesKnownAreBounded(t *testing.T) {
	t.Parallel()
	var n numbering
	for i := range 3 * seriesKnown {
		if seen, reason := n.take(mark{fmt.Sprint("s", i), 1}, n.at); seen || reason != "" {
			t.Fatalf("series %d: %t %s", i, seen, reason)
		}
	}
	if len(n.before) != seriesKnown || !n.seen(mark{fmt.Sprint("s", 2*seriesKnown), 1}) {
		t.Errorf("%d series are known", len(n.before))
	}
}

func TestIDLess(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		a, b string
		want bool
	}{
		{"1-1", "1-2", true},
		{"1-2", "1-1", false},
		{"1-1", "1-1", false},
		{"9-9", "10-0", true},
		{"10-0", "9-9", false},
		{"1-9", "1-10", true},
		{"0-0", "1-0", true},
	} {
		if got := compareIDs(tc.a, tc.b) < 0; got != tc.want {
			t.Errorf("%s before %s: %t", tc.a, tc.b, got)
		}
	}
}
