package node

import (
	"runtime"
	"testing"
	"time"

	"github.com/example/switchyard/internal/testenv"
)

func TestGarbage(t *testing.T) {
	t.Parallel()
	for live, want := range map[uint64]int{0: 400, 1 << 20: 400, 3 << 20: 400, 4 << 20: 300, 7 << 20: 150, 8 << 20: 150, 9 << 20: 100, 1 << 30: 100} {
		if got := garbage(live); got != want {
			t.Errorf("a live heap of %d bytes may have %d%% of garbage, want %d%%", live, got, want)
		}
	}
}

func TestAfterEachCollection(t *testing.T) {
	t.Parallel()
	collected := make(chan struct{}, 100)
	afterEachCollection(func() { collected <- struct{}{} })
	for range 3 {
		testenv.WaitFor(t, 10*time.Second, "to be told of a collection", func() bool {
			runtime.GC()
			select {
			case <-collected:
				return true
			default:
				return false
			}
		})
	}
}
