// Package load sends a service so much that one sees what it can do, and counts what
// becomes of it: how long answers and events take, and whether anything was lost, came
// twice or in another order.
//
// A Target says in terms of a contract what is sent and what is heard; the rest is the
// same for every service. Three kinds of load: commands and their answers (Ack), events
// in rooms (Broadcast), connections (Connect).
//
// With a Rate, commands are due at fixed times, and their latency counts from then: a
// service that stands still for a second is charged with all that should have been sent
// in that second, and not with the one command that waited (coordinated omission).
// Without one, each sender sends again when it has its answer.
//
// A command without an answer is sent again under the same mark, as clients should, until
// it has one: what is lost is what was answered and not heard by somebody who was there.
// What is missed while a connection is gone, or announced by resync, is counted apart.
//
// It never judges by itself: see Result.Broken. Start at Run.
package load

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/transport/socketio/client"
)

// A Target is what is sent, in terms of a contract.
type Target struct {
	Namespace contract.Namespace
	// Join has the client hear a room. It is called after each connection.
	Join func(ctx context.Context, c *client.Client, room string) error
	// Send sends the one command that raises the event in the room, and waits for its
	// answer. The mark, at most 64 bytes, is to be in the event. It is also the
	// idempotency key: what has no answer is sent again.
	Send func(ctx context.Context, c *client.Client, room, mark string) error
	// Hear calls heard with the mark of each event.
	Hear func(c *client.Client, heard func(mark string))
}

// A Scenario is a kind of load.
type Scenario string

// The scenarios.
const (
	Ack       Scenario = "ack"       // each connection sends, into a room of its own that nobody has joined
	Broadcast Scenario = "broadcast" // the first member of each room sends, all members hear
	Connect   Scenario = "connect"   // clients connect, and stay until the end
)

// Config is how much is sent, for how long, and where to.
type Config struct {
	Scenario    Scenario
	URLs        []string      // of the nodes, or of a load balancer; connections take turns
	Connections int           // in all; for Broadcast Rooms × Members
	Rooms       int           // of Broadcast
	Members     int           // of each
	Window      int           // commands that a sending connection has under way at most
	Rate        float64       // commands a second of all together, for Connect connections; 0: as many as come back
	Warmup      time.Duration // at first, of which no latency counts
	Duration    time.Duration // after that
	GiveUp      time.Duration // after which a command is not sent again
	Options     []client.Option
	Auth        func(n int) map[string]any // of the n-th connection
}

// What a Rate may be, unless it is 0.
const leastRate, mostRate = 0.001, 1e9

// Validate returns everything that is wrong.
func (c Config) Validate() error {
	var wrong []error
	positive := func(name string, n int) {
		if n < 1 {
			wrong = append(wrong, fmt.Errorf("%s is %d; it must be at least 1", name, n))
		}
	}
	switch c.Scenario {
	case Ack, Connect:
		positive("connections", c.Connections)
	case Broadcast:
		positive("rooms", c.Rooms)
		positive("members", c.Members)
	default:
		wrong = append(wrong, fmt.Errorf("the scenario is %q; it must be %s, %s or %s", c.Scenario, Ack, Broadcast, Connect))
	}
	positive("window", c.Window)
	if c.Rate != 0 && !(c.Rate >= leastRate && c.Rate <= mostRate) { // nor NaN
		wrong = append(wrong, fmt.Errorf("rate is %g; it must be between %g and %g a second, or 0 for no limit", c.Rate, leastRate, mostRate))
	}
	if c.Duration < time.Second {
		wrong = append(wrong, fmt.Errorf("duration is %s; it must be at least 1s", c.Duration))
	}
	if c.Warmup < 0 {
		wrong = append(wrong, fmt.Errorf("warmup is %s; it must not be negative", c.Warmup))
	}
	if c.Scenario == Connect && float64(c.Connections) > c.Rate*c.Duration.Seconds() && c.Rate > 0 {
		wrong = append(wrong, fmt.Errorf("duration is %s; it must be enough for %d connections, %g a second", c.Duration, c.Connections, c.Rate))
	}
	if c.GiveUp <= 0 {
		wrong = append(wrong, fmt.Errorf("give up is %s; it must be more than 0", c.GiveUp))
	}
	if len(c.URLs) == 0 {
		wrong = append(wrong, errors.New("no url is given"))
	}
	return errors.Join(wrong...)
}

func (c Config) connections() int {
	if c.Scenario == Broadcast {
		return c.Rooms * c.Members
	}
	return c.Connections
}

// senders is how many send, each one command at a time.
func (c Config) senders() int {
	if c.Scenario == Broadcast {
		return c.Rooms * c.Window
	}
	return c.Connections * c.Window
}

// Run runs the load until its time is over or ctx ends, and says what came of it: also
// then, of what was done. It calls progress after each second. An error means that the
// load could not begin.
func Run(ctx context.Context, cfg Config, target Target, progress func(Second)) (*Result, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	r := newRun(cfg, target)
	defer r.close()
	stop := r.tick(progress)
	if cfg.Scenario == Connect {
		r.begin(0)
		err := r.connectAll(ctx, cfg.Rate, cfg.Duration)
		r.settle()
		stop()
		return r.result(), err
	}
	if err := r.connectAll(ctx, 0, 0); err != nil {
		stop()
		return nil, err
	}
	r.begin(cfg.Warmup)
	r.send(ctx)
	r.settle()
	stop()
	return r.result(), nil
}
