package broker

import (
	"errors"
	"fmt"
	"slices"
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
	c.mu.Lock() // see names
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

func (c *completion) String() string {
	if c.command == nil {
		return fmt.Sprintf("entry %s of %s", c.entry, c.p.commands)
	}
	return fmt.Sprintf("%s %s", c.command.Operation, c.command.ID)
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

// A refusal is why the script did not begin with a partition.
type refusal string

func (r refusal) Error() string { return string(r) }

func newChunk(p *partition) *chunk {
	p.commits++
	return &chunk{p: p, number: p.commits}
}

// buries tells whether dead letters are in it.
func (k *chunk) buries() bool {
	for _, done := range k.done {
		if done.dead != nil {
			return true
		}
	}
	return false
}

// runsOf divides the chunks of a round trip into runs of the script, and sorts them so.
// On a Redis Cluster a run must stay in one slot, and so in one partition. Dead letters
// have runs of their own, because Redis refuses the whole run where an ACL forbids one
// key of it.
func runsOf(todo []*chunk, cluster bool) [][]*chunk {
	if cluster {
		return slices.Collect(slices.Chunk(todo, 1))
	}
	slices.SortStableFunc(todo, func(a, b *chunk) int { return a.alone() - b.alone() })
	shared := 0
	for shared < len(todo) && todo[shared].alone() == 0 {
		shared++
	}
	runs := slices.Collect(slices.Chunk(todo[shared:], 1))
	if shared > 0 {
		runs = append([][]*chunk{todo[:shared]}, runs...)
	}
	return runs
}

// alone is 1 for a chunk that needs a run of its own.
func (k *chunk) alone() int {
	if k.buries() {
		return 1
	}
	return 0
}

// answered reads what the script says of one chunk.
func answered(k *chunk, answer any) committed {
	switch answer := answer.(type) {
	case int64:
		return committed{n: answer}
	case []any:
		var r committed
		for i, to := range []*int64{&r.n, &r.kept, &r.dropped} {
			if i < len(answer) {
				*to, _ = answer[i].(int64)
			}
		}
		return r
	}
	return committed{err: refusal(fmt.Sprintf("partition %d: %v", k.p.number, answer))}
}
