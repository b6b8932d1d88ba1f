package broker

import (
	"errors"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/example/switchyard/internal/fault"
)

// A backlog is what this node knows of the length of one partition's command stream.
// Commands are plain XADDs and not a script that counts: behind a batch Redis tells the
// length, and what was queued or sent here since is added to it. So one gateway keeps
// to the limit, and several exceed it by what each has added within measureEvery and a
// round trip.
//
// Refused are commands that somebody waits for, and who does so can try again. Others
// take room and are never refused: a departure is sent once, by nobody who could send
// it again; follow-ups belong to a command that was accepted, and the scripts that
// commit and forward them must not stop half way.
//
// The publisher's mutex guards it.
type backlog struct {
	stream string
	limit  int

	length   int       // when Redis last told
	since    int       // sent since then
	queued   int       // not sent yet, or under way
	measured time.Time // when Redis was last asked
	refused  bool      // a command, since then
}

const (
	measureEvery = 10 * time.Millisecond  // how old a length may be when something is added
	probeEvery   = 10 * time.Millisecond  // how often a full one is measured that refuses commands
	probeIdle    = 250 * time.Millisecond // and one that may be, where nobody sends commands
)

func (b *backlog) known() int { return b.length + b.since + b.queued }
func (b *backlog) full() bool { return b.known() >= b.limit }

// filling tells whether it may soon be full, as far as is known: what was added may have
// been worked off since.
func (b *backlog) filling() bool { return b.known() >= max(b.limit/4, 1) }

// stale tells whether a batch that adds to it should measure it.
func (b *backlog) stale(now time.Time) bool {
	return now.Sub(b.measured) >= measureEvery || b.filling()
}

// due tells whether it should be measured although nothing is added, so that it takes
// commands again as soon as there is room, and all that there is room for after a rest.
func (b *backlog) due(now time.Time) bool {
	wait := probeIdle
	if b.refused {
		wait = probeEvery
	}
	return b.filling() && now.Sub(b.measured) >= wait
}

var errBacklog = fault.New(fault.Overloaded, "too many commands wait to be run; nothing happened").After(500 * time.Millisecond)

// newBacklogs makes those of all partitions, by partition.
func newBacklogs(partitions, limit int) []*backlog {
	all := make([]*backlog, partitions)
	for p := range all {
		all[p] = &backlog{stream: commandStream(p), limit: limit}
	}
	return all
}

// toMeasure lists the backlogs to be measured with a batch, and tells whether any must be
// later if not now.
func (p *Publisher) toMeasure(batch []publish, now time.Time) (ask []*backlog, later bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, item := range batch {
		if b := item.backlog; b != nil && b.measured != now && b.stale(now) {
			b.measured = now
			ask = append(ask, b)
		}
	}
	for _, b := range p.backlogs {
		later = later || b.filling()
		if b.due(now) {
			b.measured = now
			ask = append(ask, b)
		}
	}
	return ask, later
}

// settle follows a batch: what it has added, and what was measured behind it. One that
// could not be measured keeps what is known, so that it is never thought too short.
func (p *Publisher) settle(batch []publish, ask []*backlog, lengths []*redis.IntCmd) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, item := range batch {
		item.settle()
	}
	for i, b := range ask {
		if lengths[i].Err() == nil {
			b.length, b.since, b.refused = int(lengths[i].Val()), 0, false
		}
	}
}

// settle takes one entry off what is queued. The mutex is held.
func (item *publish) settle() {
	if item.backlog == nil {
		return
	}
	item.backlog.queued--
	if !errors.Is(item.err, ErrNotSent) {
		item.backlog.since++
	}
}
