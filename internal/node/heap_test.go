package node

import (
	"runtime/metrics"
	"testing"
	"time"

	"github.com/example/switchyard/internal/testenv"
)

const mib = 1 << 20

func TestGarbageGrowsWhileCollectionsAreOften(t *testing.T) {
	t.Parallel()
	h := &heapPace{garbage: leastGarbage, percent: goPercent}
	for _, step := range []struct {
		name    string
		since   time.Duration
		live    int
		percent int
	}{
		{"one soon after the other", often / 2, 4 * mib, 200},
		{"and again", often / 2, 4 * mib, 400},
		{"one that is neither soon nor late", often, 4 * mib, 400},
		{"a live heap that has hardly changed", often, 9 * mib / 2, 400},
		{"one that has doubled", often, 8 * mib, 200},
		{"as much garbage as there may be, of next to nothing", often / 2, 1, mostPercent},
		{"and not more", often / 2, 16 * mib, 400},
		{"a live heap that is larger than that", often / 2, 100 * mib, goPercent},
		{"late ones", 2 * seldom, 16 * mib, 200},
		{"later ones", 2 * seldom, 16 * mib, goPercent},
	} {
		h.collected(step.since, step.live)
		if h.percent != step.percent {
			t.Errorf("%s: %d%% of garbage, want %d%%", step.name, h.percent, step.percent)
		}
	}
}

func TestPaceHeap(t *testing.T) {
	var sink []byte
	churn := func() int {
		for range 64 {
			sink = make([]byte, mib)
		}
		gogc := []metrics.Sample{{Name: "/gc/gogc:percent"}}
		metrics.Read(gogc)
		return int(gogc[0].Value.Uint64())
	}

	t.Setenv("GOGC", "")
	stop := PaceHeap()
	defer stop()
	testenv.WaitFor(t, 10*time.Second, "a busy process to collect less often", func() bool { return churn() > goPercent })
	stop()
	for range 10 {
		if p := churn(); p != goPercent {
			t.Fatalf("after stop there may be %d%% of garbage, want %d%%", p, goPercent)
		}
	}

	t.Setenv("GOGC", "100")
	defer PaceHeap()()
	for range 10 {
		if p := churn(); p != goPercent {
			t.Fatalf("with GOGC set there may be %d%% of garbage, want %d%%", p, goPercent)
		}
	}
	_ = sink
}
