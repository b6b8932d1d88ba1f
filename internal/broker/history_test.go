package broker_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/contract/contracttest"
	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/internal/testenv"
)

// Events that are kept can be read as soon as their command is answered, in the order of
// their commands, from every node, for as long as there are not too many.
func TestEventsAreKept(t *testing.T) {
	t.Parallel()
	testenv.OnBoth(t, func(t *testing.T, url string) {
		a, b := startNode(t, url, "a", newNotebook()), startNode(t, url, "b", newNotebook())
		h := broker.NewHistory(b.lanes, testenv.Client(t, url))
		newest := func(limit int) (texts []string) {
			t.Helper()
			found, err := remembered.Before(t.Context(), h, "key 1", "", limit)
			if err != nil {
				t.Fatal(err)
			}
			for _, o := range found {
				texts = append(texts, o.Text)
			}
			return texts
		}
		const total = 250
		var want []string
		for i := range total {
			text := fmt.Sprint(i)
			if r := a.call(noteInput{Key: "key 1", Text: text, Do: "keep"}); r.Code != "" {
				t.Fatalf("%s", r.Body)
			}
			if want = append(want, text); i%50 == 0 {
				a.call(noteInput{Key: "key 2", Text: "another", Do: "keep"})
				a.call(noteInput{Key: "key 1", Text: "not kept", Do: "keep and fail"})
				if diff := cmp.Diff(want[max(0, len(want)-3):], newest(3)); diff != "" {
					t.Errorf("after its answer: %s", diff)
				}
			}
		}
		all, err := h.Before(t.Context(), remembered.Spec(), "key 1", "", 2*total)
		if err != nil || len(all) < 100 || len(all) == total {
			t.Fatalf("%d are kept, %v", len(all), err)
		}
		if diff := cmp.Diff(want[total-len(all):], newest(2*total)); diff != "" {
			t.Error(diff)
		}
		contracttest.TestHistory(t, h, remembered.Spec(), "key 1", all)
		for p := range 16 {
			for _, e := range testenv.Client(t, url).XRange(t.Context(), fmt.Sprintf("evt:{p%d}", p), "-", "+").Val() {
				if metadata := fmt.Sprint(e.Values["metadata"]); strings.Contains(metadata, "_keep") || strings.Contains(metadata, "_log") {
					t.Fatalf("an event tells where it is kept: %q", metadata)
				}
			}
		}
	})
}

// A position comes from a client: there is nothing beyond the ends, and nothing beside a
// text that is none.
func TestPositionsAtTheEnds(t *testing.T) {
	t.Parallel()
	testenv.OnBoth(t, func(t *testing.T, url string) {
		n := startNode(t, url, "a", newNotebook())
		if r := n.call(noteInput{Key: "k", Text: "1", Do: "keep"}); r.Code != "" {
			t.Fatalf("%s", r.Body)
		}
		h := broker.NewHistory(n.lanes, testenv.Client(t, url))
		const last = "18446744073709551615"
		for position, want := range map[string][2]int{ // before it, after it
			"0": {0, 1}, "0-0": {0, 1}, last: {1, 0}, last + "-" + last: {1, 0}, "x": {0, 0}, "1-": {0, 0}, "-": {0, 0}, "+": {0, 0},
		} {
			before, err := h.Before(t.Context(), remembered.Spec(), "k", position, 10)
			if err != nil || len(before) != want[0] {
				t.Errorf("before %s: %d, %v", position, len(before), err)
			}
			after, err := h.After(t.Context(), remembered.Spec(), "k", position, 10)
			if err != nil || len(after) != want[1] {
				t.Errorf("after %s: %d, %v", position, len(after), err)
			}
		}
	})
}

// What cannot be kept is not committed either: a log that is no stream, until it is one.
// A log that holds later entries, since the clock was set back, takes it at its end.
func TestWhatCannotBeKeptIsNotCommitted(t *testing.T) {
	t.Parallel()
	testenv.OnBoth(t, func(t *testing.T, url string) {
		one := func(c *broker.Config) { c.Partitions = 1 }
		n, rdb := startNode(t, url, "a", newNotebook(), one), testenv.Client(t, url)
		log := "kept:{p0}:/test remembered k"
		if err := rdb.Set(t.Context(), log, "no stream", 0).Err(); err != nil {
			t.Fatal(err)
		}
		answer := n.submit(noteInput{Key: "k", Text: "1", Do: "keep"}, 20e9)
		r := n.call(noteInput{Key: "other", Text: "1"})
		for r.Code == "" { // it overtook the one that the partition is to wait for
			r = n.call(noteInput{Key: "other", Text: "1"})
		}
		if r.Code != fault.Timeout {
			t.Errorf("%s %s", r.Code, r.Body)
		}
		if err := rdb.Del(t.Context(), log).Err(); err != nil {
			t.Fatal(err)
		}
		if r := n.await(answer); r.Code != "" {
			t.Errorf("%s", r.Body)
		}
		if err := rdb.XAdd(t.Context(), &redis.XAddArgs{Stream: log, ID: "9999999999999-1", Values: []string{"payload", `{"text":"later"}`}}).Err(); err != nil {
			t.Fatal(err)
		}
		if r := n.call(noteInput{Key: "k", Text: "2", Do: "keep"}); r.Code != "" {
			t.Errorf("%s", r.Body)
		}
		kept, err := remembered.Before(t.Context(), broker.NewHistory(n.lanes, rdb), "k", "", 10)
		if diff := cmp.Diff([]noteOutput{{Text: "1"}, {Text: "later"}, {Text: "2"}}, kept); err != nil || diff != "" {
			t.Errorf("%v %s", err, diff)
		}
	})
}
