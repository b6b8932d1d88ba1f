package node

import (
	"runtime"
	"runtime/metrics"
	"testing"
)

func TestSpare(t *testing.T) {
	t.Parallel()
	s := spare()
	runtime.GC()
	goal := []metrics.Sample{{Name: "/gc/heap/goal:bytes"}}
	metrics.Read(goal)
	if got := goal[0].Value.Uint64(); got < 2*spareHeap {
		t.Errorf("the heap is collected when it has %d bytes, want at least %d", got, 2*spareHeap)
	}
	runtime.KeepAlive(s)
}
