package broker

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// A committer commits completions in batches: those that come while one batch is
// under way form the next. The completions of a partition are committed in the
// order of add.
type committer struct {
	w *Worker

	mu    sync.Mutex
	queue []*completion
	wake  chan struct{}

	// Only run changes these three, and holds mu: names and settled look at them.
	underWay []*chunk
	failed   []*chunk // to be tried again
	apart    map[*partition]*setApart

	settling []settling

	scratch []byte // for the metadata of one round trip, and then of the next; only run touches it
	unhappy throttle
	refused throttle
	buried  deadLetters
}

const (
	commitBatch = 64               // commands of one partition in one run of the script
	commitRun   = 256              // commands in one round trip, which block Redis for that long
	commitBytes = 1 << 20          // of messages in one round trip, which a slow connection must manage within roundTripMax
	maxEvents   = 100_000          // entries kept of an event lane
	maxReplies  = 10_000           // entries kept of a reply stream
	keepReplies = 10 * time.Minute // of a gateway that no longer reads them
)

func newCommitter(w *Worker) *committer {
	return &committer{w: w, apart: map[*partition]*setApart{}, wake: make(chan struct{}, 1)}
}

func (c *committer) add(done *completion) {
	done.since = time.Since(began)
	c.mu.Lock()
	c.queue = append(c.queue, done)
	c.mu.Unlock()
	signal(c.wake)
}

// next takes what one round trip commits: the chunks that are due to be tried again,
// and new ones from the queue. A partition has one chunk at a time, since a later one
// might be committed although the one before it fails.
func (c *committer) next(now time.Time) (chunks []*chunk) {
	c.mu.Lock()
	defer c.mu.Unlock()
	byPartition := map[*partition]*chunk{}
	taken, size := 0, 0
	c.failed = slices.DeleteFunc(c.failed, func(k *chunk) bool {
		byPartition[k.p] = nil
		if now.Before(k.due) || taken >= commitRun {
			return false
		}
		chunks = append(chunks, k)
		taken += len(k.done)
		return true
	})
	for _, k := range c.dueApart(now, byPartition) {
		chunks = append(chunks, k)
		taken += len(k.done)
	}
	left := c.queue[:0]
	for n, done := range c.queue {
		if taken >= commitRun || size >= commitBytes {
			left = append(left, c.queue[n:]...)
			break
		}
		k, known := byPartition[done.p]
		switch {
		case known && (k == nil || len(k.done) == commitBatch):
			left = append(left, done)
			continue
		case c.waits(done):
			continue
		case !known:
			k = newChunk(done.p)
			byPartition[done.p] = k
			chunks = append(chunks, k)
		}
		k.done = append(k.done, done)
		taken++
		size += done.size()
	}
	clear(c.queue[len(left):])
	c.queue = left
	c.underWay = append(c.underWay, chunks...)
	return chunks
}

// run commits until ctx ends; what is queued then, the next owner runs again.
func (c *committer) run(ctx context.Context) {
	defer c.settle()
	retry := time.NewTimer(0)
	defer retry.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.wake:
		case <-retry.C:
		}
		for todo := c.next(time.Now()); len(todo) > 0 && ctx.Err() == nil; todo = c.next(time.Now()) {
			c.commit(ctx, todo)
			c.settle()
		}
		if due := c.nextDue(); !due.IsZero() {
			retry.Reset(time.Until(due))
		}
	}
}

// nextDue is when the first of what has failed is to be tried again; zero for never.
func (c *committer) nextDue() (first time.Time) {
	sooner := func(due time.Time) {
		if first.IsZero() || due.Before(first) {
			first = due
		}
	}
	for _, k := range c.failed {
		sooner(k.due)
	}
	for _, a := range c.apart {
		sooner(a.due)
	}
	return first
}

// commit commits every chunk once and keeps those to try again. One of them may have
// been committed, and the answer lost: Redis knows it by its number.
func (c *committer) commit(ctx context.Context, todo []*chunk) {
	begin := time.Since(began)
	results := c.send(ctx, todo)
	now := time.Since(began)
	c.w.metrics.CommitTrip.Took(now - begin)
	for i, result := range results {
		k := todo[i]
		switch {
		case k.p.lost.Load():
		case result.err != nil:
			c.again(k, result.err)
			continue
		case k.refused != nil && result.n > 0:
			c.split(k)
			continue
		case result.n < 0:
			c.w.metrics.FenceRejects.Add(float64(len(k.done)))
			c.w.lose(k.p)
		default:
			for _, done := range k.done {
				c.w.metrics.Commit.Took(now - done.since)
			}
			c.buried.count(c.w, k, result)
		}
		c.written(k)
		for _, done := range k.done {
			done.committed(k.p.lost.Load())
			done.pass()
			if done.hung == nil || done.hung.over() {
				c.w.finished(k.p, done.copies)
			}
		}
	}
}

// again keeps a chunk to try again. One that was refused has its number made void first,
// and at once.
func (c *committer) again(k *chunk, err error) {
	c.mu.Lock()
	c.failed = append(c.failed, k)
	c.mu.Unlock()
	if k.refused == nil && k.refusedBy(err) {
		k.refused = err
		return
	}
	c.w.metrics.CommitRetries.Inc()
	k.failures++
	k.due = time.Now().Add(pause(k.failures))
	c.unhappy.warn(c.w.log, "cannot commit what commands have brought about, trying again",
		"partition", k.p.number, "commands", len(k.done), "failures", k.failures, "error", err)
}

// send commits all chunks in one round trip. On a Redis Cluster a run of the script
// must stay in one slot, and so in one partition.
func (c *committer) send(ctx context.Context, todo []*chunk) []commitResult {
	ctx, cancel := context.WithTimeout(ctx, roundTripMax)
	defer cancel()
	if c.scratch = c.scratch[:0]; cap(c.scratch) > keepBuffer {
		c.scratch = nil
	}
	runs := runsOf(todo, onCluster(c.w.rdb))
	cmds := runScripts(ctx, c.w.rdb, commitScript, len(runs), func(i int) ([]string, []any) { return c.arguments(runs[i]) })
	results := make([]commitResult, 0, len(todo))
	for i, cmd := range cmds {
		answers, err := cmd.Slice()
		if err == nil && len(answers) != len(runs[i]) {
			err = fmt.Errorf("the script answers for %d partitions of %d", len(answers), len(runs[i]))
		}
		for j := range runs[i] {
			r := commitResult{err: err}
			if err == nil {
				r = readResult(runs[i][j], answers[j])
			}
			results = append(results, r)
		}
	}
	return results
}
