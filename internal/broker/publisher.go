package broker

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"github.com/example/switchyard/internal/fault"
	"github.com/example/switchyard/internal/metrics"
)

// ErrNotSent wraps the error of a publish of which nothing reached Redis. After any
// other error the entry may be there or not.
var ErrNotSent = errors.New("nothing was sent")

// ErrClosed is what publishing on a closed Publisher gives.
var ErrClosed = errors.New("the publisher is closed")

// A Publisher appends messages to streams named by their topics. Many callers share
// one pipeline on one connection (group commit): what is published while a batch is
// under way goes with the next one, in the order of the calls, and is there in that
// order, whatever becomes of connections (see line). What waits is bounded in number and
// bytes, and so is a batch.
//
// It is Watermill's message.Publisher. Safe for concurrent use.
type Publisher struct {
	line  *line
	trips *metrics.Histogram

	mu       sync.Mutex
	queue    []publish
	bytes    int        // of what is queued
	backlogs []*backlog // of command streams, by partition; none for a publisher of its own
	closed   bool
	giveUp   time.Time // set when closed: what is queued then is not sent
	wake     chan struct{}
	done     chan struct{}
	err      error // of closing, once done is closed
}

type publish struct {
	cmd      *redis.Cmd
	size     int       // bytes, about
	deadline time.Time // when nobody waits for it any more; zero: never
	done     func(error)
	err      error // what done is told

	backlog *backlog // that it adds to, if any, and that may refuse it
}

var _ message.Publisher = (*Publisher)(nil)

const (
	maxBatch      = 512      // entries in one pipeline
	maxBatchBytes = 1 << 20  // of them, which a slow connection must manage within roundTripMax; one entry may have more
	maxQueue      = 10_000   // entries that wait for one
	maxQueueBytes = 32 << 20 // of them
	entryBytes    = 300      // of an entry besides what its publisher gives
)

// NewPublisher starts a publisher. It has a connection of its own, with the options of
// the client. Close it before the client, which stays open.
func NewPublisher(rdb redis.UniversalClient, log *slog.Logger) *Publisher {
	return newPublisher(rdb, nil, nil, log)
}

func newPublisher(rdb redis.UniversalClient, backlogs []*backlog, trips *metrics.Histogram, log *slog.Logger) *Publisher {
	p := &Publisher{line: newLine(rdb, log), backlogs: backlogs, trips: trips, wake: make(chan struct{}, 1), done: make(chan struct{})}
	go p.run()
	return p
}

var errQueueFull = fault.New(fault.Overloaded, "this node has too much to send").After(500 * time.Millisecond)

// Publish appends the messages to the stream of that name and waits until Redis has
// them.
func (p *Publisher) Publish(topic string, messages ...*message.Message) error {
	errs := make(chan error, len(messages))
	for _, m := range messages {
		id := m.UUID
		if id == "" { // which Watermill allows, and an entry without one is no message
			id = uuid.Must(uuid.NewV7()).String()
		}
		p.add(newPublish(topic, id, encodeMetadata(m.Metadata), m.Payload, time.Time{}, func(err error) { errs <- err }))
	}
	var all []error
	for range messages {
		if err := <-errs; err != nil {
			all = append(all, err)
		}
	}
	return errors.Join(all...)
}

// addCommand adds a partition's command, which is refused at once while too many wait
// there.
func (p *Publisher) addCommand(partition int, uuid string, metadata, payload []byte, deadline time.Time, done func(error)) {
	b := p.backlogs[partition]
	item := newPublish(b.stream, uuid, metadata, payload, deadline, done)
	item.backlog = b
	p.add(item)
}

func newPublish(stream, uuid string, metadata, payload []byte, deadline time.Time, done func(error)) publish {
	cmd := redis.NewCmd(context.Background(), "XADD", stream, "*",
		fieldUUID, uuid, fieldMetadata, metadata, fieldPayload, payload)
	return publish{cmd: cmd, size: entryBytes + len(metadata) + len(payload), deadline: deadline, done: done}
}

// add queues an entry and does not wait; one that is still queued at its deadline is not
// sent. done is called once, from the publisher's goroutine or, when nothing more can be
// queued, at once; it must not block.
func (p *Publisher) add(item publish) {
	if err := p.push(item); err != nil {
		item.done(errors.Join(ErrNotSent, err))
	}
}

func (p *Publisher) push(item publish) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	b := item.backlog
	switch {
	case p.closed:
		return ErrClosed
	case len(p.queue) >= maxQueue, len(p.queue) > 0 && p.bytes+item.size > maxQueueBytes:
		return errQueueFull
	case b != nil && b.full():
		b.refused = true // run measures it soon: it knows that it is full
		return errBacklog
	}
	if b != nil {
		b.queued++
	}
	p.queue = append(p.queue, item)
	p.bytes += item.size
	signal(p.wake)
	return nil
}

// Close sends what is queued, for as long as one batch may take, and stops. It does
// not close the client that it was made with.
func (p *Publisher) Close() error {
	p.mu.Lock()
	if !p.closed {
		p.closed, p.giveUp = true, time.Now().Add(roundTripMax)
		close(p.wake)
	}
	p.mu.Unlock()
	<-p.done
	return p.err
}

func (p *Publisher) run() {
	defer func() {
		p.err = p.line.close()
		close(p.done)
	}()
	probe := time.NewTimer(probeEvery)
	defer probe.Stop()
	var batch []publish
	for open := true; open; {
		select {
		case _, open = <-p.wake:
		case <-probe.C:
		}
		for {
			batch = p.next(batch)
			now := time.Now()
			todo := p.wanted(batch, now)
			ask, later := p.toMeasure(todo, now)
			if len(todo)+len(ask) > 0 {
				p.send(todo, ask)
			} else if len(batch) == 0 {
				if later {
					probe.Reset(probeEvery)
				}
				break
			}
		}
	}
}

// next takes a batch from the queue; it reuses the last one.
func (p *Publisher) next(batch []publish) []publish {
	p.mu.Lock()
	defer p.mu.Unlock()
	n, size := 0, 0
	for n < min(len(p.queue), maxBatch) && (n == 0 || size+p.queue[n].size <= maxBatchBytes) {
		size += p.queue[n].size
		n++
	}
	p.bytes -= size
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
	return slices.DeleteFunc(batch, func(item publish) bool {
		switch {
		case !giveUp.IsZero() && now.After(giveUp):
			item.err = errors.Join(ErrNotSent, ErrClosed)
		case !item.deadline.IsZero() && now.After(item.deadline):
			item.err = errors.Join(ErrNotSent, context.DeadlineExceeded)
		default:
			return false
		}
		p.settle([]publish{item}, nil, nil)
		item.done(item.err)
		return true
	})
}

// send sends a batch, and measures backlogs behind it.
func (p *Publisher) send(batch []publish, ask []*backlog) {
	lengths := make([]*redis.IntCmd, len(ask))
	begin := time.Now()
	sent := p.line.exec(batch, func(ctx context.Context, pipe redis.Pipeliner) {
		for i, b := range ask {
			lengths[i] = pipe.XLen(ctx, b.stream)
		}
	})
	if sent {
		p.trips.Took(time.Since(begin))
	} else {
		ask = nil
	}
	p.settle(batch, ask, lengths) // before anybody hears of it and sends more
	for _, item := range batch {
		item.done(item.err)
	}
}

// queued is what waits to be sent.
func (p *Publisher) queued() (entries, bytes int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.queue), p.bytes
}

// redisRefuses tells whether Redis itself answered with an error: it wrote nothing.
func redisRefuses(err error) bool {
	var answer redis.Error
	return errors.As(err, &answer) && !errors.Is(err, redis.Nil)
}

// notSent tells whether a pipeline failed before its first byte left: no connection could
// be had.
func notSent(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial" || errors.Is(err, redis.ErrPoolTimeout) || errors.Is(err, redis.ErrClosed)
}
