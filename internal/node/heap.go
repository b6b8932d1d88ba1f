package node

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"time"
)

const (
	leastGarbage = 4 << 20                // bytes, as Go leaves where next to nothing is live
	mostGarbage  = 64 << 20               // bytes
	goPercent    = 100                    // garbage of the live heap, as Go has it
	mostPercent  = 1600                   // Go leaves at least that of leastGarbage, which is mostGarbage
	often        = 200 * time.Millisecond // collections that follow each other sooner take too much time
	seldom       = 2 * time.Second        // those that come later are worth it for their memory
)

// A heapPace is how much garbage may come together between two collections. Go collects
// when there is as much garbage as live heap. That of a node with few sockets is a few
// megabytes, which a busy one would collect ten times a second, for a tenth of its time. So
// while collections follow each other closely there may be twice the garbage each time, up
// to mostGarbage. A node whose live heap is larger than that is left to Go.
type heapPace struct {
	garbage int // bytes
	percent int // of the live heap, as Go was told

	mu   sync.Mutex
	over bool
}

// PaceHeap has a busy process collect its garbage less often, until stop is called. Where
// GOGC is set it does nothing. GOMEMLIMIT holds in any case.
func PaceHeap() (stop func()) {
	if os.Getenv("GOGC") != "" {
		return func() {}
	}
	h := &heapPace{garbage: leastGarbage, percent: goPercent}
	h.await()
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.over = true
		debug.SetGCPercent(goPercent)
	}
}

// await goes on after the next collection, which finds an object that nobody has.
func (h *heapPace) await() {
	began := time.Now()
	runtime.AddCleanup(new([2]*heapPace), func(h *heapPace) {
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.over {
			return
		}
		if h.collected(time.Since(began), scanned()) {
			debug.SetGCPercent(h.percent)
		}
		h.await()
	}, h)
}

// scanned is how many bytes Go takes the percentage of: the live heap, stacks and globals.
func scanned() (n int) {
	parts := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/scan/stack:bytes"}, {Name: "/gc/scan/globals:bytes"}}
	metrics.Read(parts)
	for _, part := range parts {
		n += int(part.Value.Uint64())
	}
	return n
}

// collected follows a collection, the one before it having been so long ago. It tells
// whether Go is to be told another percentage: not of each small change, since Go stops
// everything for it.
func (h *heapPace) collected(since time.Duration, live int) bool {
	switch {
	case since < often:
		h.garbage = min(2*h.garbage, mostGarbage)
	case since > seldom:
		h.garbage = max(h.garbage/2, leastGarbage)
	}
	percent := min(max(goPercent, h.garbage*100/max(live, 1)), mostPercent)
	if 4*percent > 3*h.percent && 3*percent < 4*h.percent {
		return false
	}
	h.percent = percent
	return true
}
