package broker

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/redis/go-redis/v9"
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
	wake   chan struct{}
	done   chan struct{}
}

type publish struct {
	cmd  *redis.Cmd
	done func(error)
}

var _ message.Publisher = (*Publisher)(nil)

const (
	maxBatch     = 512             // entries in one pipeline
	roundTripMax = 2 * time.Second // how long one batch may take before its connection is given up
)

// NewPublisher starts a publisher. Close it before the client, which stays open.
func NewPublisher(rdb redis.UniversalClient) *Publisher {
	p := &Publisher{rdb: rdb, wake: make(chan struct{}, 1), done: make(chan struct{})}
	go p.run()
	return p
}

// Publish appends the messages to the stream of that name and waits until Redis has
// them.
func (p *Publisher) Publish(topic string, messages ...*message.Message) error {
	errs := make(chan error, len(messages))
	for _, m := range messages {
		p.enqueue(topic, m, func(err error) { errs <- err })
	}
	var all []error
	for range messages {
		if err := <-errs; err != nil {
			all = append(all, err)
		}
	}
	return errors.Join(all...)
}

// enqueue appends one message without waiting. done is called once, from the
// publisher's goroutine or, when it is closed, at once; it must not block.
func (p *Publisher) enqueue(stream string, m *message.Message, done func(error)) {
	metadata, payload := encode(m)
	cmd := redis.NewCmd(context.Background(), "XADD", stream, "*",
		fieldUUID, m.UUID, fieldMetadata, metadata, fieldPayload, payload)
	if !p.push(publish{cmd, done}) {
		done(errors.Join(ErrNotSent, ErrClosed))
	}
}

func (p *Publisher) push(item publish) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	p.queue = append(p.queue, item)
	signal(p.wake)
	return true
}

// Close sends what is queued and stops. It does not close the client.
func (p *Publisher) Close() error {
	p.mu.Lock()
	if !p.closed {
		p.closed = true
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
		for {
			p.mu.Lock()
			n := min(len(p.queue), maxBatch)
			batch = append(batch[:0], p.queue[:n]...)
			rest := copy(p.queue, p.queue[n:])
			clear(p.queue[rest:])
			p.queue = p.queue[:rest]
			p.mu.Unlock()
			if n == 0 {
				break
			}
			p.send(batch)
		}
	}
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
