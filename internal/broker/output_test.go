package broker_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/internal/testenv"
)

// All that a command brings about is bounded: Redis would never take what is larger than
// it allows, and its lane would stand still.
func TestATooLargeOutputIsAnAccident(t *testing.T) {
	t.Parallel()
	const most = 1 << 20
	url := "redis://" + testenv.RedisServer(t, "a Redis that takes no large values", "--proto-max-bulk-len", fmt.Sprint(most)) + "/0"
	rdb := testenv.Client(t, url)
	n := startNode(t, url, "a", nil, onePartition, func(c *broker.Config) { c.MaxOutput = most })
	large := strings.Repeat("x", most)
	n.serveWith(func(_ context.Context, in noteInput) (noteOutput, []contract.Effect, error) {
		switch in.Do {
		case "output":
			return noteOutput{Text: large}, nil, nil
		case "events":
			return noteOutput{}, []contract.Effect{noted.Of(noteOutput{Text: large[:most/2]}), noted.Of(noteOutput{Text: large[:most/2]})}, nil
		case "audience":
			return noteOutput{}, []contract.Effect{noted.Of(noteOutput{}).To(contract.Room(large))}, nil
		case "follow":
			return noteOutput{}, []contract.Effect{contract.Submit(note, noteInput{Text: large})}, nil
		case "fault":
			return noteOutput{}, nil, fault.New(fault.Conflict, "%s", large)
		case "context":
			return noteOutput{}, nil, fault.New(fault.Conflict, "no").With(map[string]string{"all": large})
		}
		return noteOutput{Text: large[:most-10_000]}, nil, nil
	})
	for i, do := range []string{"output", "events", "audience", "follow", "fault", "context"} {
		for attempt := range 2 { // its outcome is none to be replayed
			r := n.await(n.try("user", do, noteInput{Key: do, Do: do}))
			if r.Code != fault.Internal {
				t.Errorf("%s: %q", do, r.Code)
			}
			all := deadLetters(t, rdb)
			if len(all) != 2*i+attempt+1 {
				t.Fatalf("%s: %d dead letters", do, len(all))
			}
			if reason := all[len(all)-1].Metadata["_dead_reason"]; !strings.Contains(reason, "more than 1048576 (MAX_OUTPUT)") {
				t.Errorf("%s: %s", do, reason)
			}
		}
		if r := n.call(noteInput{Key: do}); r.Code != "" {
			t.Errorf("behind it: %s", r.Body)
		}
	}
}
