package broker_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/example/switchyard/internal/broker"
	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/internal/testenv"
)

// What a client was told, a replica has: an answer and an event wait for it, and outlive
// the master.
func TestStrictTellsWhatAReplicaHas(t *testing.T) {
	t.Parallel()
	pair := testenv.Replicated(t, "STRICT=on")
	n := startNode(t, pair.URL, "a", newNotebook(), func(c *broker.Config) { c.Strict = true })
	if r := n.call(noteInput{Key: "k", Text: "0"}); r.Code != "" {
		t.Fatalf("%s %s", r.Code, r.Body)
	}
	pair.Freeze()
	if r := n.await(n.submit(noteInput{Key: "k", Text: "frozen"}, time.Second)); r.Code != fault.Timeout {
		t.Errorf("without a replica: %q %s", r.Code, r.Body)
	}
	if got := n.texts(); len(got) != 1 {
		t.Errorf("without a replica %q was heard", got)
	}
	pair.Thaw()
	testenv.WaitFor(t, 20*time.Second, "the event that waited", func() bool { return len(n.texts()) == 2 })
	const more = 100
	for i := range more {
		if r := n.call(noteInput{Key: fmt.Sprint("k", i%7), Text: fmt.Sprint(i)}); r.Code != "" {
			t.Fatalf("%s %s", r.Code, r.Body)
		}
	}
	rdb, events := testenv.Client(t, pair.Failover(t)), 0
	for p := range 16 {
		events += int(rdb.XLen(t.Context(), fmt.Sprintf("evt:{p%d}", p)).Val())
	}
	if events < 2+more {
		t.Errorf("%d of %d events that were heard are gone", 2+more-events, 2+more)
	}
}
