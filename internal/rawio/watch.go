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

var watch = sync.OnceFunc(func() {
	go func() {
		for range time.Tick(watchEvery) { // that it wakes up is all
		}
	}()
})
