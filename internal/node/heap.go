package node

// spareHeap is how many bytes of garbage a node may have besides as much as its live heap
// has. One with few sockets has a live heap of a few megabytes, which a busy one would
// collect many times a second: a tenth of its time.
const spareHeap = 16 << 20

// spare is to be held for as long as the node runs. The collector takes it for a part of
// the live heap. Nobody writes to it, so the system gives no memory for it.
func spare() []byte { return make([]byte, spareHeap) }
