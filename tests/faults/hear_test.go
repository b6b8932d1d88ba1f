package faults

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/example/switchyard/internal/rawsio"
	"github.com/example/switchyard/internal/testenv"
	"github.com/example/switchyard/tests/faults/oracle"
)

// A hearer is a connection that is in every room.
type hearer struct {
	conn *rawsio.Client
	mu   sync.Mutex
	sub  oracle.Subscriber
}

// hear adds a hearer on a node.
func (l *load) hear(n *node) *hearer {
	l.t.Helper()
	h := &hearer{conn: rawsio.Dial(l.t, n.URL)}
	h.conn.Connect("/chat", `{"user":"hearer"}`)
	for _, rooms := range l.rooms {
		for _, room := range rooms {
			testenv.WaitFor(l.t, 20*time.Second, "joining "+room+" on "+n.Name, func() bool {
				return codeOf(h.conn.Call("/chat", "join", fmt.Sprintf(`{"room":%q}`, room))) == oracle.OK
			})
		}
	}
	h.sub.Name, h.sub.From = n.Name, time.Now()
	go func() {
		_ = h.conn.Wait() // how it ends does not matter
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.sub.Until.IsZero() {
			h.sub.Until = time.Now()
		}
	}()
	l.hearers = append(l.hearers, h)
	return h
}

// willGo tells that the hearer's connection is soon to be closed: what is answered from
// now on need not reach it.
func (h *hearer) willGo() { h.gone(time.Now()) }

// gone is willGo at some time before.
func (h *hearer) gone(at time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sub.Until = at
}

// hearer is the last one on a node.
func (l *load) hearer(n *node) *hearer {
	for _, h := range slices.Backward(l.hearers) {
		if h.sub.Name == n.Name {
			return h
		}
	}
	l.t.Fatalf("nobody hears %s", n.Name)
	return nil
}

// told fails the test unless every hearer has been told of a gap, or is so soon. It
// returns how long it took.
func (l *load) told() time.Duration {
	l.t.Helper()
	begin := time.Now()
	for _, h := range l.hearers {
		testenv.WaitFor(l.t, 10*time.Second, h.sub.Name+" to tell of a gap", func() bool { return h.heard().Gaps > 0 })
	}
	return time.Since(begin)
}

// heard is what has been heard until now.
func (h *hearer) heard() oracle.Subscriber {
	h.mu.Lock()
	s := h.sub
	h.mu.Unlock()
	for _, e := range h.conn.Events() {
		switch e.Name {
		case "resync":
			s.Gaps++
		case "message.posted":
			var m message
			if json.Unmarshal(e.Payload, &m) == nil {
				s.Events = append(s.Events, oracle.Event{Key: m.Room, ID: m.ClientID, Position: m.ID})
			}
		}
	}
	return s
}
