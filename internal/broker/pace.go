package broker

import "time"

// A round trip to Redis has a price of its own, whatever it carries: system calls on
// both sides, and goroutines that are woken. While there is much to do, fewer and
// larger ones do more of it, and everything waits for less: so a loop rests after a
// round that carried much, while more comes together for the next. One that carries
// little does not rest, so a node that is not busy answers as soon as it can.
const (
	restFrom = 4                      // messages in a round, beyond which each
	restPer  = 200 * time.Microsecond // adds to the rest,
	restMax  = 5 * time.Millisecond   // up to this
)

// rest waits after a round that carried n messages.
func rest(n int) {
	if n > restFrom {
		time.Sleep(min(time.Duration(n-restFrom)*restPer, restMax))
	}
}
