package load

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/example/switchyard/transport/socketio/client"
)

// A member is one connection.
type member struct {
	run     *run
	number  int
	room    string
	client  *client.Client
	joined  chan error // once, after the first connection
	leaving atomic.Bool

	mu    sync.Mutex
	heard map[int]*sequence // by sender
	gaps  int               // what was announced: connections that were lost, and resyncs
}

func newMember(r *run, i int) *member {
	rooms := r.cfg.Rooms
	if r.cfg.Scenario != Broadcast {
		rooms = r.cfg.Connections
	}
	return &member{run: r, number: i, room: "load-" + strconv.Itoa(i%rooms), joined: make(chan error, 1), heard: map[int]*sequence{}}
}

// sends tells whether the member sends: of a room the first.
func (m *member) sends() bool { return m.run.cfg.Scenario == Ack || m.number < m.run.cfg.Rooms }

func (m *member) handlers(c *client.Client) {
	c.OnConnect(func() { m.connected(c) })
	c.OnDisconnect(func(error) {
		if !m.leaving.Load() {
			m.run.open.Add(-1)
		}
	})
	c.OnResync(func(client.Resync) {
		m.run.counts.resyncs.Add(1)
		m.gap()
	})
	if m.run.cfg.Scenario == Broadcast {
		m.run.target.Hear(c, m.hear)
	}
}

// connected follows each connection, of which all but the first are in place of a lost
// one.
func (m *member) connected(c *client.Client) {
	again := m.gap() > 1
	if again {
		m.run.counts.reconnects.Add(1)
		m.run.open.Add(1)
	}
	if m.run.cfg.Scenario != Broadcast {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), m.run.cfg.GiveUp)
	defer cancel()
	err := m.run.target.Join(ctx, c, m.room)
	if again && err != nil {
		m.run.counts.problem("join: " + problemCode(err))
		return
	}
	select {
	case m.joined <- err:
	default:
	}
}

// gap notes that events may have been missed, and that this was told.
func (m *member) gap() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.gaps++
	for _, s := range m.heard {
		s.gap()
	}
	return m.gaps
}

// hear counts one event.
func (m *member) hear(mark string) {
	sender, seq, due, ok := m.run.parse(mark)
	if !ok {
		m.run.counts.foreign.Add(1)
		return
	}
	now := time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.of(sender).hear(seq) {
		m.run.deliveries.add(now, now.Sub(m.run.origin)-due)
	}
}

// of is what was heard of a sender; m.mu is held.
func (m *member) of(sender int) *sequence {
	s := m.heard[sender]
	if s == nil {
		s = &sequence{}
		m.heard[sender] = s
	}
	return s
}

// missing counts what a sender has sent and the member has not heard: lost, or in a gap
// that was announced.
func (m *member) missing(s *sender) (lost, missed uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.of(s.number).missing(s.sent, s.unknown)
}

// mark names a command of a sender, which was due so long after the run's origin.
func (r *run) mark(sender int, seq uint64, due time.Duration) string {
	return strings.Join([]string{r.name, strconv.Itoa(sender), strconv.FormatUint(seq, 36), strconv.FormatInt(int64(due), 36)}, ".")
}

func (r *run) parse(mark string) (sender int, seq uint64, due time.Duration, ok bool) {
	parts := strings.Split(mark, ".")
	if len(parts) != 4 || parts[0] != r.name {
		return 0, 0, 0, false
	}
	sender, err1 := strconv.Atoi(parts[1])
	seq, err2 := strconv.ParseUint(parts[2], 36, 64)
	ns, err3 := strconv.ParseInt(parts[3], 36, 64)
	return sender, seq, time.Duration(ns), err1 == nil && err2 == nil && err3 == nil
}
