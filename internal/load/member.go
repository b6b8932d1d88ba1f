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
	joined  chan error  // once, after the first connection
	there   atomic.Bool // connected, and in its room
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
			m.there.Store(false)
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
	if m.gap() > 1 {
		m.run.counts.reconnects.Add(1)
		m.run.open.Add(1)
	}
	err := m.join(c)
	m.there.Store(err == nil)
	select {
	case m.joined <- err:
	default:
	}
}

// join enters the room, and tries until it gives up: who is not in it hears nothing.
func (m *member) join(c *client.Client) error {
	if m.run.cfg.Scenario != Broadcast {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), m.run.cfg.GiveUp)
	defer cancel()
	for {
		err := m.run.target.Join(ctx, c, m.room)
		if err == nil || c.Err() != nil {
			return err
		}
		m.run.counts.problem("join: " + problemCode(err))
		wait, again := retryAfter(err)
		if !again || !sleepUntil(ctx, time.Now().Add(wait)) {
			return err
		}
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

// furthest is how many commands of a sender can be missed at once. What claims to be after
// more than these is not ours.
const furthest = 1 << 20

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
	if s := m.of(sender); seq > s.next+furthest {
		m.run.counts.foreign.Add(1)
	} else if s.hear(seq) {
		m.run.deliveries.add(now, now.Sub(m.run.origin)-due)
	}
}

// of is what was heard of a sender; m.mu is held.
func (m *member) of(sender int) *sequence {
	s := m.heard[sender]
	if s == nil {
		s = &sequence{told: m.gaps > 1} // the first connection is no gap
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
	ok = err1 == nil && err2 == nil && err3 == nil && sender >= 0 && sender < r.cfg.senders()
	return sender, seq, time.Duration(ns), ok
}
