package broker

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/redis/go-redis/v9"

	"github.com/example/switchyard/internal/fault"
)

// ErrNotSent wraps the error of a publish of which nothing reached Redis. After any
// other error the entry may be there or not.
var ErrNotSent = errors.New("nothing was sent")

// ErrClosed is what publishing on a closed Publisher gives.
var ErrClosed = errors.New("the publisher is closed")

// A Publisher appends messages to streams named by their topics. Many callers share
// one pipeline on one connection (group commit): what is published while a batch is
// under way goes with the next one, in the order of the calls.
//
// It is Watermill's message.Publisher. Safe for concurrent use.
type Publisher struct {
	rdb redis.UniversalClient

	mu     sync.Mutex
	queue  []publish
	closed bool
	giveUp time.Time // set when closed: what is queued then is not sent
	wake   chan struct{}
	done   chan struct{}
}

type publish struct {
	cmd      *redis.Cmd
	deadline time.Time // when nobody waits for it any more; zero: never
	done     func(error)
}

var _ message.Publisher = (*Publisher)(nil)

const (
	maxBatch     = 512             // entries in one pipeline
	maxQueue     = 10_000          // entries that wait for one
	roundTripMax = 2 * time.Second // how long one batch may take before its connection is given up
)

// NewPublisher starts a publisher. Close it before the client, which stays open.
func NewPublisher(rdb redis.UniversalClient) *Publisher {
	p := &Publisher{rdb: rdb, wake: make(chan struct{}, 1), done: make(chan struct{})}
	go p.run()
	return p
}

var errQueueFull = fault.New(fault.Overloaded, "this node has too much to send").After(500 * time.Millisecond)

// Publish appends the messages to the stream of that name and waits until Redis has
// them.
func (p *Publisher) Publish(topic string, messages ...*message.Message) error {
	errs := make(chan error, len(messages))
	for _, m := range messages {
		metadata, payload := encode(m)
		p.enqueue(topic, m.UUID, metadata, payload, time.Time{}, func(err error) { errs <- err })
	}
	var all []error
	for range messages {
		if err := <-errs; err != nil {
			all = append(all, err)
		}
	}
	return errors.Join(all...)
}

// enqueue appends one message without waiting, unless it is still queued at its
// deadline. done is called once, from the publisher's goroutine or, when nothing more
// can be queued, at once; it must not block.
func (p *Publisher) enqueue(stream, uuid string, metadata, payload []byte, deadline time.Time, done func(error)) {
	cmd := redis.NewCmd(context.Background(), "XADD", stream, "*",
		fieldUUID, uuid, fieldMetadata, metadata, fieldPayload, payload)
	if err := p.push(publish{cmd, deadline, done}); err != nil {
		done(errors.Join(ErrNotSent, err))
	}
}

func (p *Publisher) push(item publish) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed:
		return ErrClosed
	case len(p.queue) >= maxQueue:
		return errQueueFull
	}
	p.queue = append(p.queue, item)
	signal(p.wake)
	return nil
}

// Close sends what is queued, for as long as one batch may take, and stops. It does
// not close the client.
func (p *Publisher) Close() error {
	p.mu.Lock()
	if !p.closed {
		p.closed, p.giveUp = true, time.Now().Add(roundTripMax)
		close(p.wake)
	}
	p.mu.Unlock()
	<-p.done
	return nil
}

func (p *Publisher) run() {
	defer close(p.done)
	var batch []publish
	for open := true; open; {
		_, open = <-p.wake
		for batch = p.next(batch); len(batch) > 0; batch = p.next(batch) {
			p.send(p.wanted(batch, time.Now()))
		}
	}
}

// next takes a batch from the queue; it reuses the last one.
func (p *Publisher) next(batch []publish) []publish {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := min(len(p.queue), maxBatch)
	batch = append(batch[:0], p.queue[:n]...)
	rest := copy(p.queue, p.queue[n:])
	clear(p.queue[rest:])
	p.queue = p.queue[:rest]
	return batch
}

// wanted is the batch without what has waited too long: a command whose caller was
// told "timeout" should not begin after that.
func (p *Publisher) wanted(batch []publish, now time.Time) []publish {
	p.mu.Lock()
	giveUp := p.giveUp
	p.mu.Unlock()
	return slices.DeleteFunc(batch, func(b publish) bool {
		switch {
		case !giveUp.IsZero() && now.After(giveUp):
			b.done(errors.Join(ErrNotSent, ErrClosed))
		case !b.deadline.IsZero() && now.After(b.deadline):
			b.done(errors.Join(ErrNotSent, context.DeadlineExceeded))
		default:
			return false
		}
		return true
	})
}

func (p *Publisher) send(batch []publish) {
	ctx, cancel := context.WithTimeout(context.Background(), roundTripMax)
	defer cancel()
	pipe := p.rdb.Pipeline()
	for _, b := range batch {
		_ = pipe.Process(ctx, b.cmd) // only queues; each command has its own error after Exec
	}
	_, err := pipe.Exec(ctx)
	if notSent(err) {
		err = errors.Join(ErrNotSent, err)
	} else {
		err = nil
	}
	for _, b := range batch {
		switch cmdErr := b.cmd.Err(); {
		case err != nil:
			b.done(err)
		case refused(cmdErr):
			b.done(errors.Join(ErrNotSent, cmdErr))
		default:
			b.done(cmdErr)
		}
	}
}

// notSent tells whether a pipeline failed before its first byte left: no
// connection could be had.
func notSent(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial" || errors.Is(err, redis.ErrPoolTimeout) || errors.Is(err, redis.ErrClosed)
}

// refused tells whether Redis itself answered with an error: it wrote nothing.
func refused(err error) bool {
	var answer redis.Error
	return errors.As(err, &answer) && !errors.Is(err, redis.Nil)
}
