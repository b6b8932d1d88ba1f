package broker_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/internal/testenv"
)

// A dead letter that is replayed runs once more under its id, and dies again if it must.
func TestReplay(t *testing.T) {
	t.Parallel()
	testenv.OnBoth(t, func(t *testing.T, url string) {
		rdb := testenv.Client(t, url)
		book := newNotebook()
		book.tries.Store(-3) // more than the attempts of one command
		n := startNode(t, url, "a", book, onePartition)
		for _, do := range []string{"transient", "fail"} {
			if r := n.call(noteInput{Key: "k", Text: do, Do: do}); r.Code != fault.Internal {
				t.Fatalf("%s: %s %s", do, r.Code, r.Body)
			}
		}
		i, err := broker.Inspect(t.Context(), rdb)
		if err != nil {
			t.Fatal(err)
		}
		before := deadLetters(t, rdb)
		if err := i.EachDeadLetter(t.Context(), func(d broker.DeadLetter) error { return i.Replay(t.Context(), d) }); err != nil {
			t.Fatal(err)
		}
		testenv.WaitFor(t, 20*time.Second, "both to have run", func() bool {
			return rdb.XLen(t.Context(), "cmd:{p0}").Val() == 0 && total(n.metrics.DeadLetters) == 3
		})
		if diff := cmp.Diff([]string{"transient"}, book.of("k")); diff != "" {
			t.Error(diff)
		}
		after := deadLetters(t, rdb)
		var in noteInput
		if len(after) != 1 || json.Unmarshal(after[0].Payload, &in) != nil || in.Do != "fail" || after[0].UUID != before[1].UUID || after[0].Metadata["reply_to"] != "" {
			t.Errorf("dead letters: %+v", after)
		}
	})
}

// Only a ref that Redis cannot read is told to be none.
func TestADeadLetterCannotBeLookedFor(t *testing.T) {
	t.Parallel()
	testenv.OnBoth(t, func(t *testing.T, url string) {
		rdb := testenv.Client(t, url)
		startNode(t, url, "a", newNotebook(), onePartition)
		i, err := broker.Inspect(t.Context(), rdb)
		if err != nil {
			t.Fatal(err)
		}
		const none = "which is no <partition>/<entry>"
		if _, err := i.DeadLetter(t.Context(), "0/x"); err == nil || !strings.Contains(err.Error(), none) {
			t.Errorf("a ref that is none: %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := i.DeadLetter(ctx, "0/1-1"); !errors.Is(err, context.Canceled) || strings.Contains(err.Error(), none) {
			t.Errorf("a ref that could not be looked for: %v", err)
		}
	})
}
