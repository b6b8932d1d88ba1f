package broker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// A census knows which gateways live: each beats, with the time in the sorted set
// "gateways". One that is seen not to beat for a while is dead. Whoever sees it says so
// there, and submits what is on its roster. If that is not done to the end another one
// goes on, also when the dead one wakes up: it finds out by its next beat.
//
// Only what was watched all the time counts: while Redis does not answer nobody beats,
// and when it answers again the others are given their time anew. So they are after this
// process stood still, wherever it did: a silence lasts from an answer's arrival to the
// sending of a later beat, and what a beat has shown is soon too old to act on.
type census struct {
	*Lanes
	roster *roster
	clock  func() time.Time

	known string               // the life that has said that it lives
	asked time.Time            // when the last beat that was answered was sent
	seen  map[string]*sighting // by life, as of then

	redisTime redisClock
}

// A sighting is a gateway's newest beat, and since when there was none after it.
type sighting struct {
	score string
	since time.Time
}

const (
	deadAfter   = 5 * time.Second // without a beat that we would have seen
	watchedGap  = 2 * time.Second // between two of our own beats, after which we have not watched
	deadStandIn = 5 * time.Second // how much longer a gateway waits whose turn it is not
	departBatch = 200             // commands of a dead gateway in one run
	endedFor    = time.Hour       // how long a gateway that wakes up finds out that it was taken for dead
)

func newCensus(r *roster) *census {
	return &census{Lanes: r.Lanes, roster: r, clock: time.Now, seen: map[string]*sighting{}}
}

// now is Redis' clock.
func (c *census) now() time.Time { return c.redisTime.now() }

// run beats until ctx ends.
func (c *census) run(ctx context.Context) {
	t := time.NewTicker(beatEvery)
	defer t.Stop()
	var wait, sweep backoff
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		if err := c.beat(ctx); err != nil {
			if ctx.Err() == nil {
				wait.sleep(ctx, c.log, "say that this gateway lives", err)
			}
			continue
		}
		wait.reset()
		if err := c.buryDead(ctx); err != nil {
			sweep.sleep(ctx, c.log, "tell that the sockets of a dead gateway are gone", err)
			continue
		}
		sweep.reset()
	}
}

// keepBeating beats when it is time: who is busy with the dead is not to be taken for one
// of them.
func (c *census) keepBeating(ctx context.Context) error {
	if c.clock().Sub(c.asked) < beatEvery {
		return nil
	}
	return c.beat(ctx)
}

// beat says that this gateway lives and looks who else does. In its next life it says so at
// once: until then nobody expects it to answer for its sockets.
func (c *census) beat(ctx context.Context) error {
	gone, err := c.beatOnce(ctx)
	if gone && err == nil {
		_, err = c.beatOnce(ctx)
	}
	return err
}

// beatOnce tells whether this life was found gone.
func (c *census) beatOnce(ctx context.Context) (gone bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, roundTripMax)
	defer cancel()
	life, first := c.roster.current(), ""
	if life != c.known {
		first = "first"
	}
	asked := c.clock()
	got, err := gatewayBeatScript.Run(ctx, c.rdb, []string{gatewaysKey}, life, first).StringSlice()
	answered := c.clock()
	if err != nil {
		return false, fmt.Errorf("beat: %w", err)
	}
	if len(got) < 2 {
		return false, fmt.Errorf("beat: Redis answered with %d values", len(got))
	}
	if err := c.redisTime.read(got[0], asked, answered); err != nil {
		return false, fmt.Errorf("beat: %w", err)
	}
	switch got[1] {
	case "0":
		return true, c.disown(ctx, life)
	case "-1":
		c.roster.beginAnew(life, false)
		return true, nil
	}
	if life != c.known {
		c.known = life
		c.roster.list(life)
	}
	c.observe(got[2:], asked, answered)
	return false, nil
}

// disown follows a beat that found this life gone: the others have ended it, or Redis
// has forgotten it.
func (c *census) disown(ctx context.Context, life string) error {
	if life != c.roster.current() {
		return nil // the roster has found out
	}
	mark, err := c.rdb.HGet(ctx, rosterKey(0, life), "#").Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return fmt.Errorf("see what has become of this gateway's roster: %w", err)
	}
	c.roster.beginAnew(life, mark != endedMark)
	return nil
}

const (
	endedMark = "ended" // see lua/depart.lua
	deadBeat  = "0"     // see lua/gateway_beat.lua
)

// observe notes the beats, pairs of a life and a time. That somebody else takes it for
// dead is no sign of life.
func (c *census) observe(beats []string, asked, answered time.Time) {
	if asked.Sub(c.asked) > watchedGap {
		clear(c.seen)
	}
	c.asked = asked
	still := make(map[string]*sighting, len(beats)/2)
	for i := 0; i+1 < len(beats); i += 2 {
		s := c.seen[beats[i]]
		if s == nil || s.score != beats[i+1] && beats[i+1] != deadBeat {
			s = &sighting{beats[i+1], answered}
		}
		still[beats[i]] = s
	}
	c.seen = still
}

// dead are the lives that are to be ended by us: the first of those who live begins,
// and the others stand in for it.
func (c *census) dead() []string {
	var dead []string
	me, after := c.roster.current(), deadAfter
	for life, s := range c.seen {
		if c.asked.Sub(s.since) < deadAfter && life < me {
			after = deadAfter + deadStandIn
		}
	}
	for life, s := range c.seen {
		if life != me && c.asked.Sub(s.since) >= after {
			dead = append(dead, life)
		}
	}
	slices.Sort(dead)
	return dead
}

// buryDead buries those that are dead, and still are when it is their turn.
func (c *census) buryDead(ctx context.Context) error {
	for _, life := range c.dead() {
		if c.clock().Sub(c.asked) > watchedGap || !slices.Contains(c.dead(), life) {
			continue
		}
		if err := c.bury(ctx, life); err != nil {
			return err
		}
	}
	return nil
}

// bury submits what is on the roster of a dead gateway. Others may do the same at the
// same time, and it may be done again.
func (c *census) bury(ctx context.Context, life string) error {
	say, cancel := context.WithTimeout(ctx, roundTripMax)
	defer cancel()
	if err := gatewayBeatScript.Run(say, c.rdb, []string{gatewaysKey}, life, "dead").Err(); err != nil {
		return fmt.Errorf("say that the gateway %s is dead: %w", life, err)
	}
	told := 0
	for p := range c.cfg.Partitions {
		n, err := c.depart(ctx, p, life)
		told += n
		if err != nil {
			return err
		}
	}
	remove, cancel := context.WithTimeout(ctx, roundTripMax)
	defer cancel()
	if err := c.rdb.ZRem(remove, gatewaysKey, life).Err(); err != nil {
		return fmt.Errorf("forget the gateway %s: %w", life, err)
	}
	c.log.Warn("a gateway is dead: told that its sockets are gone", "gateway", bootOf(life), "sockets_in_rooms", told)
	return nil
}

// depart submits what is on the roster for one partition. A scan finds what was there
// when it began, and nothing is added. But its cursor means nothing to another master of a
// Redis Cluster, where the slot may have moved between two pages: then all is scanned again.
func (c *census) depart(ctx context.Context, p int, life string) (told int, err error) {
	for {
		n, pages, err := c.scan(ctx, p, life)
		told += n
		if err != nil || pages == 1 || n == 0 {
			return told, err
		}
	}
}

// scan goes once through the roster for one partition and submits what it finds.
func (c *census) scan(ctx context.Context, p int, life string) (told, pages int, err error) {
	keys := []string{rosterKey(p, life), commandStream(p)}
	for cursor := "0"; ; {
		run, cancel := context.WithTimeout(ctx, roundTripMax)
		got, err := departScript.Run(run, c.rdb, keys, cursor, departBatch, endedFor.Milliseconds()).Slice()
		cancel()
		if err != nil {
			return told, pages, fmt.Errorf("submit what is on the roster %s: %w", keys[0], err)
		}
		n, _ := got[1].(int64)
		told, pages = told+int(n), pages+1
		if err := c.keepBeating(ctx); err != nil {
			return told, pages, err
		}
		if cursor, _ = got[0].(string); cursor == "0" || cursor == "" {
			return told, pages, nil
		}
	}
}

// bootOf is the boot of a life.
func bootOf(life string) string { return life[:max(strings.LastIndexByte(life, ':'), 0)] }
