package broker

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/example/switchyard/internal/fault"
)

// A roster mirrors in Redis which rooms this gateway's sockets are in, as far as a use
// case wants to know when that ends: for each the command that says so. When the
// connection ends the command is submitted; when the whole process does, another
// gateway submits it (census.go).
//
// The commands of a partition are the fields of the hash roster:{p}:<life>, beside the
// partition's backlog. Taking a command off the roster and submitting it is one run of
// a script, so whoever does it, and however often it is tried, it is submitted once.
// What changes is written in batches, in order, a partition's next one when its last is
// surely applied: nothing is given up while Redis is away. What joined within the last
// batch before a crash is not known to anybody.
//
// A life is one stretch in which the others believed that this gateway lives. When they
// did not, because it was frozen or cut off, they have submitted its departures; its
// sockets must come again, and what they do then belongs to its next life. What was on
// its way to the last one is sent there again, until Redis has told whether it was applied:
// only if it was not, it goes into the next life.
type roster struct {
	*Lanes
	ended func() // called when others have ended this gateway's life, once its next one is among the gateways

	mu     sync.Mutex
	life   int
	listed string        // the life that is among the gateways: only then somebody would miss it
	owed   bool          // ended is still to be called
	stale  []string      // lives that are to be forgotten
	queues []rosterQueue // by partition
	turn   int           // the partition that is written first
	stays  map[*stay]struct{}
	fields int // how many fields of the roster were ever used: the number of one is its name
	wake   chan struct{}
}

// A Stay is a socket's time in one room.
type Stay interface {
	// Leave ends it without the command: the socket has left the room.
	Leave()
	// End submits the command, with this input in place of its own: the socket's
	// connection has ended.
	End(input []byte)
}

// A rosterQueue is what remains to be written for one partition. Its first sent changes
// are, or were, under way, to that life with that number.
type rosterQueue struct {
	changes []rosterChange
	sent    int
	life    string
	number  int
}

// A rosterChange is one change of the roster.
type rosterChange struct {
	what  string // one of the following
	stay  *stay
	value []byte
}

// What changes, in the words of lua/roster.lua.
const (
	stayBegins  = "+"
	stayEnds    = "-" // without its command
	staySubmits = "!" // its command, as it ends
)

type stay struct {
	r         *roster
	partition int
	field     string
	value     []byte // its command, see lua/roster.lua
}

const (
	rosterBatch  = 256                   // changes of a partition in one run
	rosterLinger = 20 * time.Millisecond // between two writes, so that they are few
	rosterMax    = 50_000                // changes that wait, beyond which nobody comes in
)

func newRoster(l *Lanes) *roster {
	return &roster{Lanes: l, ended: func() {}, life: 1, queues: make([]rosterQueue, l.cfg.Partitions), stays: map[*stay]struct{}{}, wake: make(chan struct{}, 1)}
}

// name names this life; for who holds mu.
func (r *roster) name() string { return r.boot + ":" + strconv.Itoa(r.life) }

func (r *roster) current() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.name()
}

// Enter notes that a socket is in a room; c is submitted when that ends with its
// connection. It never blocks. Its error is a fault: too much waits for Redis to be told.
func (g *Gateway) Enter(c *Command) (Stay, error) {
	if g.roster.full() {
		return nil, errRosterFull
	}
	g.fill(c)
	c.Timeout = 0
	metadata := c.encoded()
	s := &stay{r: g.roster, partition: g.partition(c.lane())}
	s.value = fmt.Appendf(make([]byte, 0, 16+len(c.ID)+len(metadata)+len(c.Input)), "%d %d ", len(c.ID), len(metadata))
	s.value = append(append(append(s.value, c.ID...), metadata...), c.Input...)
	g.roster.add(s, stayBegins, s.value)
	return s, nil
}

// full tells whether nobody may come in: what waits is as much as clients bring about
// that come and go while Redis is away. Those that are in may go all the same.
func (r *roster) full() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for p := range r.queues {
		n += len(r.queues[p].changes)
	}
	return n >= rosterMax
}

var errRosterFull = fault.New(fault.Unavailable, "this node cannot tell the others who is connected; connect again later").After(time.Second)

func (s *stay) Leave()           { s.r.add(s, stayEnds, nil) }
func (s *stay) End(input []byte) { s.r.add(s, staySubmits, input) }

// list notes that a life is among the gateways. Only then the sockets of the life before
// are sent away: who comes back is in rooms at once, and must be found there.
func (r *roster) list(life string) {
	r.mu.Lock()
	r.listed = life
	owed := r.owed
	r.owed = false
	r.mu.Unlock()
	signal(r.wake)
	if owed {
		r.ended()
	}
}

// add queues a change. Of a stay that has ended nothing more is heard.
func (r *roster) add(s *stay, what string, value []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if what == stayBegins {
		r.stays[s] = struct{}{}
		r.fields++
		s.field = strconv.Itoa(r.fields)
	} else if _, ok := r.stays[s]; !ok {
		return
	} else {
		delete(r.stays, s)
	}
	q := &r.queues[s.partition]
	q.changes = append(q.changes, rosterChange{what, s, value})
	signal(r.wake)
}

// run writes until ctx ends.
func (r *roster) run(ctx context.Context) {
	var wait backoff
	for sleep(ctx, rosterLinger) {
		select {
		case <-ctx.Done():
			return
		case <-r.wake:
		}
		for more := true; more && ctx.Err() == nil; {
			var err error
			if more, err = r.write(ctx); err != nil && ctx.Err() == nil {
				wait.sleep(ctx, r.log, "tell Redis who is in which room", err)
				continue
			}
			wait.reset()
		}
	}
}

// close writes what is left, once, and says that this gateway is gone. What it cannot
// write, and sockets that have not gone, the others find and submit.
func (r *roster) close() {
	deadline := time.Now().Add(roundTripMax)
	more, err := true, error(nil)
	for more && err == nil && time.Now().Before(deadline) {
		more, err = r.write(context.Background())
	}
	r.mu.Lock()
	left, life := len(r.stays), r.name()
	r.mu.Unlock()
	if err == nil && !more && left == 0 {
		err = r.forget(context.Background(), life)
	}
	if err != nil || more || left > 0 {
		r.log.Warn("what happens when sockets go is left to the other gateways", "sockets_in_rooms", left, "error", err)
	}
}
