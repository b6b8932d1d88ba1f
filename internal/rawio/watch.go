package rawio

import (
	"sync"
	"time"
)

// The monitor also interrupts goroutines that compute for longer than 10 ms, so that
// others have their turn. It sleeps while nothing runs, and counts on a system call to
// wake it when something does, or on the next timer. So there is always a timer that is
// near: handlers that compute on all processors hold up the sockets for little longer than
// that. A shorter time would cost an idle process more than it does now, 1 % of a CPU.
const watchEvery = 20 * time.Millisecond

var (
	used  = make(chan struct{})
	watch = sync.OnceFunc(func() { close(used) })
)

func init() {
	go func() { // not begun by the first who needs it, who may be in a synctest bubble
		<-used
		for range time.Tick(watchEvery) { // that it wakes up is all
		}
	}()
}
