package broker

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

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
	ended func() // called when others have ended this gateway's life

	mu     sync.Mutex
	life   int
	listed string        // the life that is among the gateways: only then somebody would miss it
	stale  []string      // lives that are to be forgotten
	queues []rosterQueue // by partition
	stays  map[*stay]struct{}
	fields int // counts them, to name them
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

// A rosterChange is '+' for a stay that begins, '-' for one that ends, and '!' for one
// whose command is submitted.
type rosterChange struct {
	what  string
	stay  *stay
	value []byte
}

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

func rosterKey(p int, life string) string { return "roster:{p" + strconv.Itoa(p) + "}:" + life }

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
	g.roster.add(s, '+', s.value)
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

func (s *stay) Leave()           { s.r.add(s, '-', nil) }
func (s *stay) End(input []byte) { s.r.add(s, '!', input) }

// list notes that a life is among the gateways.
func (r *roster) list(life string) {
	r.mu.Lock()
	r.listed = life
	r.mu.Unlock()
	signal(r.wake)
}

// add queues a change. Of a stay that has ended nothing more is heard.
func (r *roster) add(s *stay, what byte, value []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if what == '+' {
		r.stays[s] = struct{}{}
		r.fields++
		s.field = strconv.Itoa(r.fields)
	} else if _, ok := r.stays[s]; !ok {
		return
	} else {
		delete(r.stays, s)
	}
	q := &r.queues[s.partition]
	q.changes = append(q.changes, rosterChange{string(what), s, value})
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

// A rosterRun is one batch of one partition.
type rosterRun struct {
	partition int
	life      string
	args      []any
	cmd       *redis.Cmd
}

// write writes the next batch of each partition; more tells that something is left.
func (r *roster) write(ctx context.Context) (more bool, err error) {
	if err := r.erase(ctx); err != nil {
		return true, err
	}
	runs := r.next()
	if len(runs) == 0 {
		return false, nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), roundTripMax)
	defer cancel()
	_, err = r.rdb.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for i := range runs {
			keys := []string{rosterKey(runs[i].partition, runs[i].life), commandStream(runs[i].partition)}
			runs[i].cmd = rosterScript.EvalSha(ctx, pipe, keys, runs[i].args...)
		}
		return nil
	})
	if redis.HasErrorPrefix(err, "NOSCRIPT") {
		return true, rosterScript.Load(ctx, r.rdb).Err()
	}
	return r.written(runs)
}

// next takes what is to be written: a batch that was not surely applied once more.
func (r *roster) next() (runs []rosterRun) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.listed != r.name() {
		return nil
	}
	for p := range r.queues {
		q := &r.queues[p]
		if len(q.changes) == 0 {
			continue
		}
		if q.sent == 0 {
			if q.life != r.name() {
				q.life, q.number = r.name(), 0
			}
			q.sent = min(len(q.changes), rosterBatch)
			q.number++
		}
		args := make([]any, 0, 1+3*q.sent)
		args = append(args, q.number)
		for _, c := range q.changes[:q.sent] {
			args = append(args, c.what, c.stay.field, c.value)
		}
		runs = append(runs, rosterRun{partition: p, life: q.life, args: args})
	}
	return runs
}

// written follows the answers.
func (r *roster) written(runs []rosterRun) (more bool, err error) {
	ended, forgotten := false, false
	var errs []error
	r.mu.Lock()
	life := r.name()
	for _, run := range runs {
		q := &r.queues[run.partition]
		switch n, err := run.cmd.Int(); {
		case err != nil:
			errs = append(errs, err)
		case n < 0:
			q.sent = 0 // not applied: it goes into the next life
			ended = ended || n == -1 && run.life == life
			forgotten = forgotten || n == -2 && run.life == life
		default:
			q.changes, q.sent = append(q.changes[:0:0], q.changes[q.sent:]...), 0
		}
		more = more || len(q.changes) > 0
	}
	r.mu.Unlock()
	if ended || forgotten {
		r.beginAnew(life, !ended)
		more = true
	}
	return more, errors.Join(errs...)
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
