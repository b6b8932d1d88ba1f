package broker

import (
	"fmt"
	"slices"
	"time"
)

// A chunk is what one round trip commits of one partition.
type chunk struct {
	p        *partition
	number   int // of the commit: a chunk that is tried again keeps it
	done     []*completion
	failures int
	due      time.Time // when it is tried again
	refused  error     // why its dead letters cannot be committed: its number is made void, see split
	apart    bool      // see setApart
}

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

// A commitResult is what the script says of one chunk.
type commitResult struct {
	n             int64
	kept, dropped int64 // dead letters
	err           error
}

// readResult reads what the script says of one chunk.
func readResult(k *chunk, answer any) commitResult {
	switch answer := answer.(type) {
	case int64:
		return commitResult{n: answer}
	case []any:
		var r commitResult
		for i, to := range []*int64{&r.n, &r.kept, &r.dropped} {
			if i < len(answer) {
				*to, _ = answer[i].(int64)
			}
		}
		return r
	}
	return commitResult{err: refusal(fmt.Sprintf("partition %d: %v", k.p.number, answer))}
}

// A refusal is why the script did not begin with a partition.
type refusal string

func (r refusal) Error() string { return string(r) }
