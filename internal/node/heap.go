package node

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
)

// A node with few sockets has a heap of a few megabytes, which a busy one would collect
// many times a second: a tenth of its time. Until its live heap has the size of
// smallHeap, it may have as much garbage; a larger one is collected as Go does it.
const (
	smallHeap    = 12 << 20 // bytes
	mostGarbage  = 400      // percent of the live heap, for the smallest
	usualGarbage = 100      // percent, Go's own default
)

// growSmallHeaps has a small heap collected less often, unless GOGC says how often.
var growSmallHeaps = sync.OnceFunc(func() {
	if os.Getenv("GOGC") == "" {
		afterEachCollection(adaptGarbage())
	}
})

// afterEachCollection calls f when the garbage collector has found that nobody holds
// what it was given, which is once a collection.
func afterEachCollection(f func()) {
	runtime.SetFinalizer(new([16]byte), func(*[16]byte) { // too large to share its memory with something that lives
		f()
		afterEachCollection(f)
	})
}

func adaptGarbage() func() {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	percent := usualGarbage
	return func() {
		metrics.Read(live)
		if p := garbage(live[0].Value.Uint64()); p != percent {
			percent = p
			debug.SetGCPercent(p) // it stops the process for some microseconds
		}
	}
}

// garbage is how much there may be, in percent of the live heap; in steps, so that it
// seldom changes.
func garbage(live uint64) int {
	const step = 50
	p := int(smallHeap*100/max(live, 1)) / step * step
	return min(max(p, usualGarbage), mostGarbage)
}
