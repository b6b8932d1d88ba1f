package node

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/example/switchyard/internal/testenv"
)

func TestANameIsHeldByOne(t *testing.T) {
	t.Parallel()
	testenv.OnBoth(t, func(t *testing.T, url string) {
		rdb, log := testenv.Client(t, url), slog.New(slog.DiscardHandler)
		first, second, other := newName(rdb, log, "n", "n.1"), newName(rdb, log, "n", "n.2"), newName(rdb, log, "m", "m.1")
		if err := first.take(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		if err := other.take(t.Context(), 0); err != nil {
			t.Errorf("another name: %v", err)
		}
		defer other.release(t.Context())
		begin := time.Now()
		err := second.take(t.Context(), 200*time.Millisecond)
		if err == nil || !strings.Contains(err.Error(), first.mine.Host) || !strings.Contains(err.Error(), first.mine.Started.Format(time.RFC3339)) ||
			!strings.HasPrefix(err.Error(), "NODE_ID: another node has this name") || !strings.HasSuffix(err.Error(), "; give each node one of its own, or leave NODE_ID empty") {
			t.Errorf("the second: %v", err)
		}
		if took := time.Since(begin); took < 200*time.Millisecond {
			t.Errorf("the second waited only %s", took)
		}
		first.release(t.Context())
		if err := second.take(t.Context(), 0); err != nil {
			t.Errorf("after the first has gone: %v", err)
		}
		second.release(t.Context())
		if n := rdb.Exists(t.Context(), "name:n").Val(); n != 0 {
			t.Error("the name is still held")
		}
	})
}

// A node that crashed gives nothing back: its name lapses before the next start gives
// up. A name that Redis has forgotten is taken again.
func TestANameLapsesAndIsRenewed(t *testing.T) {
	t.Parallel()
	rdb, log := testenv.Client(t, testenv.Embedded(t)), slog.New(slog.DiscardHandler)
	first, second := newName(rdb, log, "n", "n.1"), newName(rdb, log, "n", "n.2")
	if other, err := first.claim(t.Context()); other != nil || err != nil { // claimed, and never renewed
		t.Fatal(other, err)
	}
	if err := second.take(t.Context(), nameWait); err != nil {
		t.Fatalf("the next start: %v", err)
	}
	defer second.release(t.Context())
	if err := rdb.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	testenv.WaitFor(t, 20*time.Second, "the name to be taken again", func() bool { return rdb.Exists(t.Context(), "name:n").Val() == 1 })
}
