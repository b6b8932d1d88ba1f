package engineio

import "sync"

// own are frames for one connection alone, to be used again.
var own = sync.Pool{New: func() any { return &Frame{own: true} }}

// OwnText makes a message of text for one connection: it may be sent once, and not be
// used afterwards.
func OwnText(parts ...[]byte) *Frame {
	f := own.Get().(*Frame)
	f.join(opText, packetMessage, parts)
	return f
}

// done follows the last use of a frame by a connection.
func (f *Frame) done() {
	if f.own && len(f.ws) < compressFrom { // a longer one may have been compressed, which is for once
		own.Put(f)
	}
}

// A queue is what waits for one connection. Connections that nothing waits for have
// none.
type queue struct {
	frames []*Frame
	bytes  int
}

// waiting is how many frames wait.
func (q *queue) waiting() int {
	if q == nil {
		return 0
	}
	return len(q.frames)
}

var queues = sync.Pool{New: func() any { return &queue{} }}

// queueMax bounds the memory that a queue keeps for the next use, in frames.
const queueMax = 512

// free lets go of the frames, which nobody uses any more, and of the queue.
func (q *queue) free() {
	for i, f := range q.frames {
		f.done()
		q.frames[i] = nil
	}
	if cap(q.frames) <= queueMax {
		q.frames, q.bytes = q.frames[:0], 0
		queues.Put(q)
	}
}
