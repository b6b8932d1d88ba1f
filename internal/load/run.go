package load

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/example/switchyard/transport/socketio/client"
)

// A run is one load from beginning to end.
type run struct {
	cfg    Config
	target Target
	name   string // in each mark: what another run has sent is not counted

	answers, deliveries *recorder
	counts              counts
	origin              time.Time // of the times in marks
	began               time.Time // of the load; guarded by mu

	mu      sync.Mutex
	members []*member
	seconds []Second
	senders map[string][]*sender // by room; not changed while any of them sends
	open    atomic.Int64         // connections
}

// counts are of the whole run.
type counts struct {
	retries, reconnects, resyncs, unanswered, foreign atomic.Uint64

	mu    sync.Mutex
	codes map[string]uint64 // answers that were problems, and connections that failed
	told  uint64            // how many of them the seconds until now have told
}

func (c *counts) problem(code string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.codes == nil {
		c.codes = map[string]uint64{}
	}
	c.codes[code]++
}

func newRun(cfg Config, target Target) *run {
	return &run{
		cfg: cfg, target: target, name: strconv.FormatUint(rand.Uint64N(1<<30), 36),
		answers: newRecorder(), deliveries: newRecorder(), origin: time.Now(), senders: map[string][]*sender{},
	}
}

// begin begins what is counted, after a warmup.
func (r *run) begin(warmup time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.began, r.seconds = time.Now(), nil
	from := r.began.Add(warmup)
	r.answers.begin(from)
	r.deliveries.begin(from)
}

// connectConcurrency is how many connections are made at the same time.
const connectConcurrency = 64

// connectAll makes all connections, so many a second if there is a rate, within a time if
// there is one, and keeps them.
func (r *run) connectAll(ctx context.Context, rate float64, within time.Duration) error {
	if within > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, within)
		defer cancel()
	}
	n := r.cfg.connections()
	var wg sync.WaitGroup
	var failed atomic.Pointer[error]
	next := atomic.Int64{}
	begin := time.Now()
	for range min(connectConcurrency, n) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				due := time.Now()
				if rate > 0 {
					due = begin.Add(time.Duration(float64(i) / rate * float64(time.Second)))
					sleepUntil(ctx, due)
				}
				if err := r.connect(ctx, i, due); err != nil && ctx.Err() == nil {
					r.counts.problem(problemCode(err))
					failed.CompareAndSwap(nil, &err)
				}
			}
		})
	}
	wg.Wait()
	switch err := failed.Load(); {
	case err != nil && r.cfg.Scenario != Connect:
		return fmt.Errorf("connect %d clients: %w", n, *err)
	case ctx.Err() != nil && within == 0:
		return context.Cause(ctx)
	}
	if r.cfg.Scenario == Connect { // they stay until the time is over
		<-ctx.Done()
	}
	return nil
}

// connect makes the i-th connection.
func (r *run) connect(ctx context.Context, i int, due time.Time) error {
	m := newMember(r, i)
	options := append([]client.Option{client.Handlers(m.handlers), client.Buffer(1<<14, 64<<20)}, r.cfg.Options...)
	if r.cfg.Auth != nil {
		options = append(options, client.Auth(r.cfg.Auth(i)))
	}
	c, err := client.Dial(ctx, r.cfg.URLs[i%len(r.cfg.URLs)], r.target.Namespace, options...)
	if err != nil {
		return err
	}
	if r.cfg.Scenario == Connect {
		r.answers.add(time.Now(), time.Since(due))
	}
	m.client = c
	r.mu.Lock()
	r.members = append(r.members, m)
	r.mu.Unlock()
	r.open.Add(1)
	if r.cfg.Scenario == Broadcast {
		select {
		case err := <-m.joined:
			if err != nil {
				return fmt.Errorf("join %s: %w", m.room, err)
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// send sends until the time is over or ctx ends, and waits for the answers.
func (r *run) send(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, r.cfg.Warmup+r.cfg.Duration)
	defer cancel()
	var all []*sender
	for _, m := range r.members {
		if !m.sends() {
			continue
		}
		for range r.cfg.Window {
			s := &sender{run: r, member: m, number: len(all)}
			all = append(all, s)
			r.senders[m.room] = append(r.senders[m.room], s)
		}
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		<-ctx.Done()
		r.answers.over(time.Now())
		r.deliveries.over(time.Now())
	})
	for _, s := range all {
		wg.Go(func() { s.send(ctx, len(all)) })
	}
	wg.Wait()
}

// settleFor is how long what was answered may take to be heard, and a lost connection to
// be made again.
const settleFor = 10 * time.Second

// settle waits until all are there and have heard what was answered, also of a run that
// was ended early.
func (r *run) settle() {
	ctx, cancel := context.WithTimeout(context.Background(), settleFor)
	defer cancel()
	for ctx.Err() == nil && r.missing() {
		sleepUntil(ctx, time.Now().Add(20*time.Millisecond))
	}
}

func (r *run) missing() bool {
	for _, m := range r.members {
		if !m.there.Load() {
			return true
		}
		if r.cfg.Scenario != Broadcast {
			continue
		}
		for _, s := range r.senders[m.room] {
			if lost, _ := m.missing(s); lost > 0 {
				return true
			}
		}
	}
	return false
}

func (r *run) close() {
	var wg sync.WaitGroup
	gate := make(chan struct{}, connectConcurrency)
	for _, m := range r.members {
		gate <- struct{}{}
		wg.Go(func() {
			defer func() { <-gate }()
			m.leaving.Store(true)
			m.client.Close()
		})
	}
	wg.Wait()
}

func sleepUntil(ctx context.Context, t time.Time) bool {
	d := time.Until(t)
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// codeOf is what an error is counted as.
func codeOf(err error) string {
	for _, known := range []struct {
		err  error
		code string
	}{
		{client.ErrUnreachable, "unreachable"}, {client.ErrDisconnected, "disconnected"}, {client.ErrEnded, "ended"},
		{client.ErrTimeout, "no answer"}, {client.ErrOverflow, "overflow"}, {client.ErrRefused, "refused"},
	} {
		if errors.Is(err, known.err) {
			return known.code
		}
	}
	return "failed"
}
