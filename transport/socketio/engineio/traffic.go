package engineio

import (
	"maps"
	"sync"
	"sync/atomic"
)

// Traffic counts what the connections of a server bring and take, from its start on. Its
// zero value is ready; a server that is given none counts nothing.
type Traffic struct {
	Opened                atomic.Uint64 // connections
	PacketsIn, PacketsOut atomic.Uint64 // messages, without heartbeats
	BytesIn, BytesOut     atomic.Uint64 // of them, before any compression

	mu     sync.Mutex
	closed map[string]uint64
}

// Closed counts the connections that have ended, by the reason.
func (t *Traffic) Closed() map[string]uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.closed)
}

func (t *Traffic) opened() {
	if t != nil {
		t.Opened.Add(1)
	}
}

func (t *Traffic) ended(reason string) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed == nil {
		t.closed = map[string]uint64{}
	}
	t.closed[reason]++
}

func (t *Traffic) in(data []byte) {
	if t != nil {
		t.PacketsIn.Add(1)
		t.BytesIn.Add(uint64(1 + len(data)))
	}
}

func (t *Traffic) out(frames []*Frame) {
	if t == nil {
		return
	}
	for _, f := range frames {
		if n := len(f.payload()); n > 1 || f.binary { // else it is a heartbeat
			t.PacketsOut.Add(1)
			t.BytesOut.Add(uint64(n))
		}
	}
}
