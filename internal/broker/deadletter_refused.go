package broker

import (
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// A setApart holds completions of one partition whose dead letters Redis refuses, and
// behind them those of their keys. They stay in the backlog and are tried again by
// themselves, so that the partition's other keys go on.
type setApart struct {
	done     []*completion
	failures int
	due      time.Time
}

func (a *setApart) holds(key string) bool {
	for _, done := range a.done {
		if key != "" && done.key == key {
			return true
		}
	}
	return false
}

// waits sets a completion apart that is a dead letter too, or comes behind one.
func (c *committer) waits(done *completion) bool {
	if len(c.apart) == 0 {
		return false
	}
	a := c.apart[done.p]
	if a == nil || done.dead == nil && !a.holds(done.key) {
		return false
	}
	a.done = append(a.done, done)
	done.pass()
	return true
}

// dueApart makes chunks of what was set apart and is due, unless its partition has one
// under way.
func (c *committer) dueApart(now time.Time, byPartition map[*partition]*chunk) (chunks []*chunk) {
	for p, a := range c.apart {
		if _, busy := byPartition[p]; busy || now.Before(a.due) {
			continue
		}
		k := newChunk(p)
		k.done, k.apart = a.done[:min(len(a.done), commitBatch)], true
		byPartition[p] = nil
		chunks = append(chunks, k)
	}
	return chunks
}

// refusedBy tells whether the error is Redis' refusal of a chunk with dead letters.
func (k *chunk) refusedBy(err error) bool {
	var refusal refusal
	return k.buries() && (errors.As(err, &refusal) || redis.HasErrorPrefix(err, "NOPERM"))
}

// split sets apart what cannot be committed because of dead letters, and queues the
// rest of the chunk again, under another number. Its own was made void: an attempt that
// was given up may still arrive, when dead letters are no longer refused.
func (c *committer) split(k *chunk) {
	c.mu.Lock()
	defer c.mu.Unlock()
	a := c.apart[k.p]
	if a == nil {
		a = &setApart{}
		c.apart[k.p] = a
	}
	a.failures++
	a.due = time.Now().Add(pause(a.failures))
	c.refused.error(c.w.log, "Redis refuses dead letters: their commands stay in the backlog and are tried again",
		"stream", deadStream(k.p.number), "failures", a.failures, "error", k.refused)
	if k.apart {
		return
	}
	var rest []*completion
	for _, done := range k.done {
		if done.dead != nil || a.holds(done.key) {
			a.done = append(a.done, done)
			done.pass()
		} else {
			rest = append(rest, done)
		}
	}
	c.queue = append(rest, c.queue...)
}

// names tells which commands are to be committed, and what keeps them from it.
func (c *committer) names() (names []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	name := func(done *completion, why string) {
		if done.hung == nil { // else its handler runs
			names = append(names, fmt.Sprintf("%s (%s)", done, why))
		}
	}
	for _, k := range c.failed {
		for _, done := range k.done {
			name(done, "it could not be committed, and is tried again")
		}
	}
	for _, done := range c.queue {
		name(done, "waits for its commit")
	}
	for _, a := range c.apart {
		for _, done := range a.done {
			why := "waits behind a dead letter of its key that Redis refuses"
			if done.dead != nil {
				why = "Redis refuses its dead letter"
			}
			name(done, why)
		}
	}
	return names
}

// written forgets what was set apart once it is written, or not ours to write.
func (c *committer) written(k *chunk) {
	if !k.apart {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	a := c.apart[k.p]
	a.done, a.failures = a.done[len(k.done):], 0
	if len(a.done) == 0 {
		delete(c.apart, k.p)
	}
}
