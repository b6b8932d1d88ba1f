package broker

import (
	"context"
	"encoding/json"
	"errors"
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
// their answers. Expected to answer are the gateways that beat when it asked. While
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

// answersStream is where this process reads its answers.
func (a *Asker) answersStream() string { return "ans:" + a.boot }

// ask puts a question and waits until all nodes have answered or the time is over.
// Missing are those that have not, sorted.
func (a *Asker) ask(ctx context.Context, q Question) (answers map[string]Answer, missing []string, err error) {
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
	slices.Sort(missing)
	return maps.Clone(p.answers), missing, nil
}

func nodeOf(boot string) string { return boot[:max(strings.LastIndexByte(boot, '.'), 0)] }

// settle closes done when there is nothing to wait for. Answers may come before it is
// known who is expected.
func (p *asking) settle() {
	if !p.sent {
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
		{metaAsk, id}, {metaAnswerTo, a.answersStream()}, {metaLimit, strconv.Itoa(q.Limit)},
		{metaTimeout, strconv.FormatInt(max(q.Within.Milliseconds(), 1), 10)},
	})
	lane := contract.CallerFrom(ctx).Lane // after what its earlier commands have brought about
	if lane == "" {
		lane = q.Room + q.User + q.Socket + q.Namespace
	}
	var clock *redis.TimeCmd
	var beats *redis.ZSliceCmd
	trip, cancel := context.WithTimeout(ctx, roundTripMax)
	defer cancel()
	_, err = a.rdb.Pipelined(trip, func(pipe redis.Pipeliner) error {
		clock, beats = pipe.Time(trip), pipe.ZRangeWithScores(trip, gatewaysKey, 0, -1)
		pipe.XAdd(trip, &redis.XAddArgs{
			Stream: eventStream(a.partition(lane)), MaxLen: maxEvents, Approx: true,
			Values: []any{fieldUUID, id, fieldMetadata, metadata, fieldPayload, []byte(q.Payload)},
		})
		return nil
	})
	switch {
	case notSent(err), refused(err):
		return nil, fmt.Errorf("%w: %w", fault.New(fault.Unavailable, "the sockets could not be asked").After(time.Second), err)
	case err != nil:
		return nil, fmt.Errorf("%w: %w", errNotAsked, err)
	}
	oldest := float64(clock.Val().Add(-leaseFor).UnixMilli())
	gateways = map[string]bool{}
	for _, b := range beats.Val() {
		if life, ok := b.Member.(string); ok && b.Score >= oldest {
			gateways[bootOf(life)] = true
		}
	}
	return gateways, nil
}

var errNotAsked = fault.New(fault.Timeout, "whether the sockets were asked is not known")

// read hands answers over while something is asked. What was read is deleted, so each
// reader begins at the start, whatever the ids are.
func (a *Asker) read() {
	t := newTail(a.Lanes.read, []string{a.answersStream()})
	defer t.reader.close()
	var wait backoff
	for a.asks() {
		all, err := t.next(context.Background())
		if err != nil {
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

// within is how long a question may take: less than the handler has, so that it can say
// what came of it.
func within(ctx context.Context, timeout time.Duration) time.Duration {
	if timeout <= 0 {
		timeout = askTimeout
	}
	if deadline, ok := ctx.Deadline(); ok {
		left := time.Until(deadline)
		timeout = min(timeout, left-min(askMargin, left/4))
	}
	return max(timeout, time.Millisecond)
}

func question(action string, n contract.Namespace, who contract.Who, d time.Duration) Question {
	return Question{Action: action, Namespace: n.Name, Room: who.Room, User: who.User, Socket: who.Socket, Within: d}
}

// List lists sockets on all nodes.
func (a *Asker) List(ctx context.Context, n contract.Namespace, who contract.Who) (contract.Listing, error) {
	q := question(AskList, n, who, within(ctx, 0))
	q.Limit = contract.MaxListed
	answers, missing, err := a.ask(ctx, q)
	l := contract.Listing{Missing: missing}
	if err != nil {
		return l, fmt.Errorf("list sockets of %s: %w", n.Name, err)
	}
	for _, boot := range slices.Sorted(maps.Keys(answers)) {
		answer := answers[boot]
		l.More += max(answer.Count-len(answer.Sockets), 0)
		for _, s := range answer.Sockets {
			info := contract.SocketInfo{ID: s.ID, User: s.User, Node: nodeOf(boot)}
			for _, r := range s.Rooms {
				info.Rooms = append(info.Rooms, contract.Room(r))
			}
			l.Sockets = append(l.Sockets, info)
		}
	}
	return l, nil
}

// Count counts sockets on all nodes.
func (a *Asker) Count(ctx context.Context, n contract.Namespace, who contract.Who) (contract.Count, error) {
	answers, missing, err := a.ask(ctx, question(AskCount, n, who, within(ctx, 0)))
	if err != nil {
		return contract.Count{}, fmt.Errorf("count sockets of %s: %w", n.Name, err)
	}
	c := contract.Count{Missing: missing}
	for _, answer := range answers {
		c.Sockets += answer.Count
	}
	return c, nil
}

// Ask puts a declared question to sockets. One that is asked by its id, and that no node
// has, or only a silent one may have, is a reply with the error that says so.
func (a *Asker) Ask(ctx context.Context, s contract.AskSpec, who contract.Who, v any) (contract.Replies, error) {
	if who.User == "" && who.Socket == "" {
		return contract.Replies{}, errors.New("ask one socket or one user: everybody would have to answer")
	}
	payload, err := json.Marshal(v)
	if err != nil {
		return contract.Replies{}, fmt.Errorf("encode the question %s: %w", s.Name, err)
	}
	q := question(AskCall, s.Namespace, who, within(ctx, s.Timeout))
	q.Event, q.Payload = s.Name, payload
	answers, missing, err := a.ask(ctx, q)
	if err != nil {
		return contract.Replies{}, fmt.Errorf("ask %s: %w", s.Name, err)
	}
	replies := contract.Replies{Missing: missing}
	for _, boot := range slices.Sorted(maps.Keys(answers)) {
		for _, said := range answers[boot].Sockets {
			r := contract.Reply{Socket: said.ID, Node: nodeOf(boot), Answer: said.Body}
			if said.Problem != "" {
				r.Answer, r.Err = nil, askProblem(s.Name, said.Problem)
			}
			replies.Sockets = append(replies.Sockets, r)
		}
	}
	if who.Socket != "" && len(replies.Sockets) == 0 {
		problem := ProblemGone
		if len(missing) > 0 {
			problem = ProblemLate // one of them may have it
		}
		replies.Sockets = []contract.Reply{{Socket: who.Socket, Err: askProblem(s.Name, problem)}}
	}
	return replies, nil
}

// askProblem is why a socket has said nothing, as an error.
func askProblem(name, problem string) error {
	switch problem {
	case ProblemGone:
		return fault.New(fault.NotFound, "there is no such socket, or not any more")
	case ProblemLate:
		return fault.New(fault.Timeout, "the client did not answer in time")
	case ProblemRefused:
		return fmt.Errorf("%w: %w", contract.ErrRefused, fault.New(fault.Conflict, "the client refused"))
	case ProblemBad:
		return fmt.Errorf("%w: %w", contract.ErrBadAnswer, fault.New(fault.Conflict, "the client's answer breaks the contract"))
	case ProblemBusy:
		return fault.New(fault.Overloaded, "the client has too many questions to answer").After(time.Second)
	}
	return fmt.Errorf("the node that holds the socket says %q to the question %s: is it in the Asks of a command, on all nodes?", problem, name)
}
