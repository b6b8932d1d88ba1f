package broker

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"github.com/example/switchyard/internal/contract"
	"github.com/example/switchyard/internal/fault"
)

// An Asker puts questions to the nodes that hold sockets, from any process, and gathers
// their answers. Expected to answer are the gateways that beat when it asked; while Redis
// knows of none, it has forgotten them, and the answers say nothing of who is missing. While
// something is asked it reads the process' stream of answers, and else it costs nothing.
//
// It is the contract.Sockets of use cases. Safe for concurrent use.
type Asker struct {
	*Lanes

	mu      sync.Mutex
	pending map[string]*asking
	reading bool
}

var _ contract.Sockets = (*Asker)(nil)

const (
	maxAsking  = 256             // questions of one process under way
	askTimeout = 5 * time.Second // where nobody says how long
	askMargin  = 100 * time.Millisecond
)

// NewAsker makes an asker.
func NewAsker(l *Lanes) *Asker { return &Asker{Lanes: l, pending: map[string]*asking{}} }

// An asking is one question under way.
type asking struct {
	one      bool // the first node that has the socket is enough
	expected map[string]bool
	sent     bool
	answers  map[string]Answer // by boot
	done     chan struct{}     // closed when all have answered
}

var errTooManyAsked = fault.New(fault.Overloaded, "this node has too many questions to sockets under way").After(500 * time.Millisecond)

// ask puts a question and waits until all nodes have answered or the time is over.
// Missing are those that have not, sorted.
func (a *Asker) ask(ctx context.Context, q Question) (answers map[string]Answer, missing []string, err error) {
	if (contract.Namespace{Name: q.Namespace}).Dynamic() {
		return nil, nil, fmt.Errorf("the namespace %s is a pattern, and the caller is in none of it: say which by At", q.Namespace)
	}
	ctx, cancel := context.WithTimeout(ctx, q.Within)
	defer cancel()
	id := uuid.Must(uuid.NewV7()).String()
	p := &asking{one: q.Socket != "", answers: map[string]Answer{}, done: make(chan struct{})}
	a.mu.Lock()
	if len(a.pending) >= maxAsking {
		a.mu.Unlock()
		return nil, nil, errTooManyAsked
	}
	a.pending[id] = p
	if !a.reading {
		a.reading = true
		go a.read()
	}
	a.mu.Unlock()
	defer func() {
		a.mu.Lock()
		delete(a.pending, id)
		a.mu.Unlock()
	}()
	gateways, err := a.send(ctx, id, q)
	if err != nil {
		return nil, nil, err
	}
	a.mu.Lock()
	p.expected, p.sent = gateways, true
	p.settle()
	a.mu.Unlock()
	select {
	case <-p.done:
	case <-ctx.Done():
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for boot := range p.expected {
		if _, ok := p.answers[boot]; !ok && !p.found() {
			missing = append(missing, nodeOf(boot))
		}
	}
	if len(p.expected) == 0 && !p.found() {
		return nil, nil, errNobodyKnown
	}
	slices.Sort(missing)
	return maps.Clone(p.answers), missing, nil
}

func nodeOf(boot string) string { return boot[:max(strings.LastIndexByte(boot, '.'), 0)] }

// settle closes done when there is nothing to wait for. Answers may come before it is
// known who is expected, and where nobody is, time has to tell.
func (p *asking) settle() {
	if !p.sent || len(p.expected) == 0 && !p.found() {
		return
	}
	for boot := range p.expected {
		if _, ok := p.answers[boot]; !ok && !p.found() {
			return
		}
	}
	select {
	case <-p.done:
	default:
		close(p.done)
	}
}

// found tells that the one socket that is asked has answered.
func (p *asking) found() bool {
	if p.one {
		for _, answer := range p.answers {
			if answer.Count > 0 {
				return true
			}
		}
	}
	return false
}

// send looks who lives, then asks: who begins to live after that has read from before.
func (a *Asker) send(ctx context.Context, id string, q Question) (gateways map[string]bool, err error) {
	metadata := encodePairs([]pair{
		{MetaNamespace, q.Namespace}, {MetaAction, q.Action}, {MetaEvent, q.Event},
		{MetaRooms, one(q.Room)}, {MetaUsers, one(q.User)}, {MetaSockets, one(q.Socket)},
		{metaAsk, id}, {metaAnswerTo, answerStream(a.boot)}, {metaLimit, strconv.Itoa(q.Limit)},
		{metaTimeout, strconv.FormatInt(max(q.Within.Milliseconds(), 1), 10)},
	})
	lane := contract.CallerFrom(ctx).Lane // after what its earlier commands have brought about
	if lane == "" {
		lane = q.Room + q.User + q.Socket + q.Namespace
	}
	if err := a.settled(ctx, lane); err != nil {
		return nil, fmt.Errorf("%w: %w", fault.New(fault.Unavailable, "the sockets could not be asked").After(time.Second), err)
	}
	var clock *redis.TimeCmd
	var beats *redis.ZSliceCmd
	var put *redis.StringCmd
	trip, cancel := context.WithTimeout(ctx, roundTripMax)
	defer cancel()
	_, _ = a.rdb.Pipelined(trip, func(pipe redis.Pipeliner) error {
		clock, beats = pipe.Time(trip), pipe.ZRangeWithScores(trip, gatewaysKey, 0, -1)
		put = pipe.XAdd(trip, &redis.XAddArgs{
			Stream: eventStream(a.partition(lane)), MaxLen: maxEvents, Approx: true,
			Values: []any{fieldUUID, id, fieldMetadata, metadata, fieldPayload, []byte(q.Payload)},
		})
		return nil
	})
	err = put.Err() // on a Redis Cluster the others go to other masters
	switch {
	case notSent(err), redisRefuses(err):
		return nil, fmt.Errorf("%w: %w", fault.New(fault.Unavailable, "the sockets could not be asked").After(time.Second), err)
	case err != nil:
		return nil, fmt.Errorf("%w: %w", errNotAsked, err)
	}
	return living(beats.Val(), clock.Val()), nil
}

// living are the boots of the gateways that have beaten lately: before the newest beat of
// all, since while Redis does not answer nobody beats; or before now, if that is earlier,
// since its clock may have been set back. One with the score 0 is taken for dead.
func living(beats []redis.Z, now time.Time) map[string]bool {
	newest := 0.0
	for _, b := range beats {
		newest = max(newest, b.Score)
	}
	if !now.IsZero() {
		newest = min(newest, float64(now.UnixMilli()))
	}
	boots := map[string]bool{}
	for _, b := range beats {
		life, ok := b.Member.(string)
		if ok && b.Score > 0 && b.Score >= newest-float64(leaseFor.Milliseconds()) {
			boots[bootOf(life)] = true
		}
	}
	return boots
}

var errNobodyKnown = fault.New(fault.Timeout, "which nodes hold sockets is not known")

var errNotAsked = fault.New(fault.Timeout, "whether the sockets were asked is not known")

// read hands answers over while something is asked. What was read is deleted, so each
// reader begins at the start, whatever the ids are.
func (a *Asker) read() {
	t := newTail(a.Lanes.read, []string{answerStream(a.boot)})
	defer t.reader.close()
	var wait backoff
	for a.asks() {
		all, err := t.next(context.Background())
		if err != nil {
			if !a.asks() { // as when the process ends
				return
			}
			wait.sleep(context.Background(), a.log, "read what sockets have answered", err)
			continue
		}
		wait.reset()
		for _, f := range all {
			for _, e := range f.entries {
				a.take(e)
			}
		}
		if len(all) > 0 {
			ctx, cancel := context.WithTimeout(context.Background(), roundTripMax)
			_ = a.rdb.XTrimMinID(ctx, t.streams[0], t.last[0]).Err() // it is short, and expires as well
			cancel()
		}
	}
}

// asks tells whether something is asked; else the reader ends.
func (a *Asker) asks() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.reading = len(a.pending) > 0
	return a.reading
}

// take hands one answer over. What cannot be read, or comes too late, is dropped.
func (a *Asker) take(e entry) {
	m, err := decode(e)
	if err != nil {
		return
	}
	var answer Answer
	if json.Unmarshal(m.Payload, &answer) != nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if p := a.pending[m.Metadata[metaAsk]]; p != nil {
		p.answers[m.Metadata[metaAnswerer]] = answer
		p.settle()
	}
}
