package tests

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/transport/socketio/client"
	"github.com/example/switchyard/usecases/chat"
)

// A talker is a client as it should be: it posts one message after the other, each by the
// same idempotency key until it is answered, and whenever it is connected it joins its room
// and asks for what it has missed.
type talker struct {
	name, room string
	client     *client.Client
	silent     bool // it had posted all that its room keeps before it was told to stop

	mu      sync.Mutex
	seen    map[string]int // by the id that the sender gave a message
	newest  string
	heard   map[string]bool // whether it came as an event on this connection, by the id of each message seen
	twice   []string
	lost    time.Time // when the connection was
	back    []time.Duration
	acks    []time.Duration // from the first attempt on
	answers map[string]int
	acked   []string

	resynced atomic.Int64
}

// beginning is before all that is kept.
const beginning = "0-1"

// connected is back in its room, with all that was said meanwhile.
func (k *talker) connected(ctx context.Context, c *client.Client) {
	k.mu.Lock()
	if !k.lost.IsZero() {
		k.back = append(k.back, time.Since(k.lost))
	}
	for id := range k.heard { // a node that is behind may send on this connection what came on the last
		k.heard[id] = false
	}
	k.mu.Unlock()
	if _, err := again(ctx, k, func() (chat.JoinOutput, error) {
		return client.Call(ctx, c, chat.Join, chat.JoinInput{Room: k.room})
	}); err != nil {
		return
	}
	k.catchUp(ctx, c)
}

// catchUp asks for what was said since the newest message that the talker has seen.
func (k *talker) catchUp(ctx context.Context, c *client.Client) {
	k.mu.Lock()
	after := k.newest
	k.mu.Unlock()
	for after != "" {
		page, err := again(ctx, k, func() (chat.ReadOutput, error) {
			return client.Call(ctx, c, chat.Read, chat.ReadInput{Room: k.room, After: after, Limit: 100})
		})
		if err != nil {
			return
		}
		k.mu.Lock()
		for _, m := range page.Messages {
			if !later(m.ID, after) {
				k.twice = append(k.twice, m.ClientID+" is read after "+after)
			}
			if _, known := k.heard[m.ID]; known {
				continue
			}
			k.seen[m.ClientID]++
			k.newest = m.ID
			k.heard[m.ID] = false // it may come as an event too, once
		}
		k.mu.Unlock()
		after = page.Next
	}
}

// later tells whether a position is after another: milliseconds and a number.
func later(position, than string) bool {
	var a, b [2]int64
	_, errA := fmt.Sscanf(position, "%d-%d", &a[0], &a[1])
	_, errB := fmt.Sscanf(than, "%d-%d", &b[0], &b[1])
	return errA == nil && errB == nil && slices.Compare(a[:], b[:]) > 0
}

func (k *talker) hear(m chat.Message) {
	k.mu.Lock()
	defer k.mu.Unlock()
	before, known := k.heard[m.ID]
	if before {
		k.twice = append(k.twice, m.ClientID)
	}
	if !known {
		k.seen[m.ClientID]++
		k.newest = m.ID
	}
	k.heard[m.ID] = true
}

// most is how many messages one of two in a room posts: a room keeps 1,000.
const most = 480

// run posts until stop is closed, or for as long as its room keeps it all; the last message
// is answered, too.
func (k *talker) run(ctx context.Context, stop <-chan struct{}) {
	pause := time.NewTicker(250 * time.Millisecond)
	defer pause.Stop()
	for posts := range most {
		id := fmt.Sprint(k.room, "-", k.name, "-", posts)
		begin := time.Now()
		_, err := again(ctx, k, func() (chat.PostOutput, error) {
			return client.Call(ctx, k.client, chat.Post, chat.PostInput{Room: k.room, Text: "x", ClientID: id})
		})
		k.mu.Lock()
		if err == nil {
			k.acked = append(k.acked, id)
			k.acks = append(k.acks, time.Since(begin))
		}
		k.mu.Unlock()
		select {
		case <-stop:
			return
		case <-ctx.Done():
			return
		case <-pause.C:
		}
	}
	k.silent = true
}

// again calls until there is an answer that is not to be tried again. It counts the others.
func again[Out any](ctx context.Context, k *talker, call func() (Out, error)) (Out, error) {
	for {
		out, err := call()
		var problem *fault.Fault
		what, wait := "ok", 50*time.Millisecond
		switch {
		case err == nil:
		case errors.As(err, &problem):
			what = string(problem.Code)
			if problem.RetryAfter > 0 {
				wait = problem.RetryAfter
			}
		case errors.Is(err, client.ErrDisconnected):
			what = "disconnected"
		default:
			what = err.Error()
		}
		k.mu.Lock()
		k.answers[what]++
		k.mu.Unlock()
		if err == nil || ctx.Err() != nil {
			return out, err
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

// said is how many messages were answered.
func (k *talker) said() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.acked)
}

// saw is how many messages it has seen.
func (k *talker) saw() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.seen)
}
