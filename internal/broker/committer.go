package broker

import (
	"context"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/redis/go-redis/v9"
)

// A completion is a command that has run, with what is to be committed for it.
type completion struct {
	p        *partition
	entry    string // its stream entry, which the commit deletes
	replyTo  string
	messages []*message.Message
}

// size is about how many bytes it takes to commit it.
func (c *completion) size() int {
	n := 0
	for _, m := range c.messages {
		n += len(m.Payload)
		for k, v := range m.Metadata {
			n += len(k) + len(v)
		}
	}
	return n
}

// A committer commits completions in batches: those that come while one batch is
// under way form the next. The completions of a partition are committed in the
// order of add.
type committer struct {
	w *Worker

	mu    sync.Mutex
	queue []*completion
	wake  chan struct{}

	stop context.CancelFunc
	done chan struct{}
}

const (
	commitBatch = 64               // commands in one run of the script, which blocks Redis for that long
	commitRuns  = 16               // runs of the script in one round trip
	commitBytes = 1 << 20          // of messages in one round trip, which a slow connection must manage within roundTripMax
	maxEvents   = 100_000          // entries kept of an event lane
	maxReplies  = 10_000           // entries kept of a reply stream
	keepReplies = 10 * time.Minute // of a gateway that no longer reads them
)

func newCommitter(w *Worker) *committer {
	return &committer{w: w, wake: make(chan struct{}, 1), done: make(chan struct{})}
}

func (c *committer) start() {
	ctx, stop := context.WithCancel(context.Background())
	c.stop = stop
	go c.run(ctx)
}

// close stops; what is queued is not committed, and the next owner runs it again.
func (c *committer) close() {
	c.stop()
	<-c.done
}

func (c *committer) add(done *completion) {
	c.mu.Lock()
	c.queue = append(c.queue, done)
	c.mu.Unlock()
	signal(c.wake)
}

func (c *committer) run(ctx context.Context) {
	defer close(c.done)
	var wait backoff
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.wake:
		}
		for todo := c.next(); len(todo) > 0 && ctx.Err() == nil; todo = c.next() {
			again, err := c.commit(ctx, todo)
			if err == nil {
				wait.reset()
				continue
			}
			c.mu.Lock()
			c.queue = append(again, c.queue...)
			c.mu.Unlock()
			wait.sleep(ctx, c.w.log, "commit what commands have brought about", err)
		}
	}
}

// next takes from the queue what one round trip commits: chunks, each for one run of
// the script. A partition has one chunk in it, since a later one might be committed
// although the one before it fails.
func (c *committer) next() (chunks [][]*completion) {
	c.mu.Lock()
	defer c.mu.Unlock()
	byPartition := map[*partition]int{}
	left, size := c.queue[:0], 0
	for n, done := range c.queue {
		i, known := byPartition[done.p]
		switch {
		case known && len(chunks[i]) == commitBatch, !known && len(chunks) == commitRuns:
			left = append(left, done)
			continue
		case !known:
			i = len(chunks)
			byPartition[done.p] = i
			chunks = append(chunks, nil)
		}
		chunks[i] = append(chunks[i], done)
		if size += done.size(); size >= commitBytes {
			left = append(left, c.queue[n+1:]...)
			break
		}
	}
	clear(c.queue[len(left):])
	c.queue = left
	return chunks
}

// commit commits every chunk once and returns the completions to try again, with
// the last error. A completion may be tried again after it was committed and the
// answer was lost: its entry is gone then, and nothing is appended twice.
func (c *committer) commit(ctx context.Context, todo [][]*completion) (again []*completion, err error) {
	for i, cmd := range c.send(ctx, todo) {
		chunk := todo[i]
		p := chunk[0].p
		n, cmdErr := cmd.Int64()
		switch {
		case p.lost.Load():
		case cmdErr != nil:
			again, err = append(again, chunk...), cmdErr
			continue
		case n < 0:
			c.w.lose(p)
		}
		for range chunk {
			c.w.finished(p)
		}
	}
	return again, err
}

// send runs the script for all chunks in one round trip; each has its own error.
func (c *committer) send(ctx context.Context, todo [][]*completion) []*redis.Cmd {
	ctx, cancel := context.WithTimeout(ctx, roundTripMax)
	defer cancel()
	cmds := make([]*redis.Cmd, len(todo))
	for attempt := 0; ; attempt++ {
		_, err := c.w.rdb.Pipelined(ctx, func(pipe redis.Pipeliner) error {
			for i, chunk := range todo {
				keys, args := c.arguments(chunk)
				cmds[i] = completeScript.EvalSha(ctx, pipe, keys, args...)
			}
			return nil
		})
		if attempt > 0 || !redis.HasErrorPrefix(err, "NOSCRIPT") || completeScript.Load(ctx, c.w.rdb).Err() != nil {
			return cmds
		}
	}
}

// arguments lays out one chunk as lua/complete.lua wants it.
func (c *committer) arguments(chunk []*completion) (keys []string, args []any) {
	p := chunk[0].p
	keys = []string{ownerKey(p.number), commandStream(p.number), eventStream(p.number)}
	args = append(make([]any, 0, 5+10*len(chunk)), c.w.boot, p.epoch, maxEvents, maxReplies, keepReplies.Milliseconds())
	replies := map[string]int{} // gateway -> index in keys, from 1 as in Lua
	for _, done := range chunk {
		args = append(args, done.entry, len(done.messages))
		for _, m := range done.messages {
			stream := 3
			switch destination(m) {
			case toCommands:
				stream = 2
			case toReply:
				if replies[done.replyTo] == 0 {
					keys = append(keys, replyStream(p.number, done.replyTo))
					replies[done.replyTo] = len(keys)
				}
				stream = replies[done.replyTo]
			}
			metadata, payload := encode(m)
			args = append(args, stream, m.UUID, metadata, payload)
		}
	}
	return keys, args
}
