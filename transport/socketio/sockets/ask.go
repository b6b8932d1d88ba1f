package sockets

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// Why a question has no reply.
var (
	ErrGone  = errors.New("the socket has gone")
	ErrLate  = errors.New("the client did not answer in time")
	ErrAsked = errors.New("the client has too many questions to answer")
)

const maxAsks = 32 // questions that one socket's client has not answered

// questions numbers the questions of all sockets of a node, from anywhere: a client may
// answer one after it has come back, as another socket, perhaps of another node.
type questions struct{ last atomic.Int64 }

func (q *questions) begin() { q.last.Store(rand.Int64N(1 << 40)) }

func (q *questions) next() AckID { return AckID(q.last.Add(1)) }

// asks are the questions that wait for one client. Acknowledgements that nobody waits
// for are dropped.
type asks struct {
	mu      sync.Mutex
	waiting map[AckID]*asked
	ended   bool
}

type asked struct {
	done func([]json.RawMessage, error)
	late *time.Timer
}

// Ask sends an event that the client acknowledges. done is called once, within the time,
// with the arguments of the acknowledgement, which it may keep. Either the goroutine that
// reads the client calls it or one of its own, so it must not block.
func (s *Socket) Ask(event string, within time.Duration, p Payload, done func(args []json.RawMessage, err error)) {
	s.conn.owe() // it stays for its answer
	id, err := s.asks.add(s.conn.srv.questions.next(), within, func(args []json.RawMessage, err error) {
		done(args, err)
		s.conn.settle()
	})
	if err != nil {
		done(nil, err)
		s.conn.settle()
		return
	}
	p.full = true // a client's callback comes after all arguments that there may be
	s.write(s.conn.srv.eventFrames(s.namespace, event, id, p), false)
	s.sent(event, p)
}

func (a *asks) add(id AckID, within time.Duration, done func([]json.RawMessage, error)) (AckID, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.ended:
		return NoAck, ErrGone
	case len(a.waiting) >= maxAsks:
		return NoAck, ErrAsked
	}
	if a.waiting == nil {
		a.waiting = map[AckID]*asked{}
	}
	a.waiting[id] = &asked{done: done, late: time.AfterFunc(within, func() { a.resolve(id, nil, ErrLate) })}
	return id, nil
}

func (a *asks) answered(id AckID, args []json.RawMessage) { a.resolve(id, args, nil) }

func (a *asks) resolve(id AckID, args []json.RawMessage, err error) {
	a.mu.Lock()
	w := a.waiting[id]
	delete(a.waiting, id)
	a.mu.Unlock()
	if w != nil {
		w.late.Stop()
		w.done(args, err)
	}
}

// end follows the end of the socket.
func (a *asks) end() {
	a.mu.Lock()
	waiting := a.waiting
	a.waiting, a.ended = nil, true
	a.mu.Unlock()
	for _, w := range waiting {
		w.late.Stop()
		w.done(nil, ErrGone)
	}
}
