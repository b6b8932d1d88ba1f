package faults

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/example/switchyard/internal/rawsio"
	"github.com/example/switchyard/internal/testenv"
	"github.com/example/switchyard/tests/faults/oracle"
)

// A load is clients that post messages and never repeat one, and what became of each.
type load struct {
	t       *testing.T
	redis   *redisServer
	name    string
	clients []*client
	hearers []*hearer
	rooms   [][]string // by key: a room holds 1,000 messages, so each has several
	window  int
	pace    time.Duration

	mu    sync.Mutex
	nodes []*node

	stop    chan struct{}
	running sync.WaitGroup
	fault   time.Time
	frozen  time.Duration // that a node with clients may have been, and answered nobody
	oks     atomic.Int64
}

const (
	answerWithin = 5 * time.Second // T
	roomHolds    = 400             // messages of one of its two clients
)

// loadOptions says how much load there is; zero values take the defaults.
type loadOptions struct {
	name    string        // of its rooms and clients, where there are two loads
	clients int           // 24; two share a key
	window  int           // 2: commands that a client has under way
	pace    time.Duration // 50 ms: between two commands of a client
	lasts   time.Duration // 30 s: the longest that it may be needed
}

// newLoad connects the clients to the nodes in turn, and on each node one that hears
// every room, and starts.
func newLoad(t *testing.T, r *redisServer, o loadOptions, nodes ...*node) *load {
	t.Helper()
	l := prepareLoad(t, r, o, nodes...)
	for _, n := range nodes {
		l.hear(n)
	}
	l.begin()
	return l
}

func prepareLoad(t *testing.T, r *redisServer, o loadOptions, nodes ...*node) *load {
	if o.clients == 0 {
		o.clients = 24
	}
	if o.window == 0 {
		o.window = 2
	}
	if o.pace == 0 {
		o.pace = 50 * time.Millisecond
	}
	if o.lasts == 0 {
		o.lasts = 30 * time.Second
	}
	l := &load{t: t, redis: r, name: o.name, window: o.window, pace: o.pace, nodes: slices.Clone(nodes), stop: make(chan struct{})}
	keys := (o.clients + 1) / 2
	generations := int(o.lasts/o.pace)/roomHolds + 1
	for k := range keys {
		var rooms []string
		for g := range generations {
			rooms = append(rooms, fmt.Sprintf("%sroom-%d-%d", o.name, k, g))
		}
		l.rooms = append(l.rooms, rooms)
	}
	for i := range o.clients {
		l.clients = append(l.clients, &client{l: l, number: i, rooms: l.rooms[i%keys]})
	}
	return l
}

func (l *load) begin() {
	for _, c := range l.clients {
		l.running.Go(c.run)
	}
	l.t.Cleanup(l.end)
	l.flows(50)
}

// node is where a client connects: the next node that lives, nil if there is none.
func (l *load) node(i int) *node {
	l.mu.Lock()
	defer l.mu.Unlock()
	for k := range l.nodes {
		if n := l.nodes[(i+k)%len(l.nodes)]; n.Alive() {
			return n
		}
	}
	return nil
}

// replace has clients connect to a node that was started again, and hears what it
// says.
func (l *load) replace(i int, n *node) {
	l.t.Helper()
	l.mu.Lock()
	l.nodes[i] = n
	l.mu.Unlock()
	l.hear(n)
}

// end stops the clients once all their commands are answered.
func (l *load) end() {
	select {
	case <-l.stop:
	default:
		close(l.stop)
	}
	l.running.Wait()
}

// flows waits until so many more commands are answered "ok".
func (l *load) flows(n int64) {
	l.t.Helper()
	want := l.oks.Load() + n
	testenv.WaitFor(l.t, 20*time.Second, fmt.Sprintf("%d commands to be answered", n), func() bool { return l.oks.Load() >= want })
}

// run lets time pass under load.
func (l *load) run(d time.Duration) { <-time.After(d) }

// A client posts in one room at a time, in order.
type client struct {
	l      *load
	number int
	rooms  []string

	mu       sync.Mutex
	commands []oracle.Command
}

func (c *client) run() {
	for attempt := 0; ; attempt++ {
		select {
		case <-c.l.stop:
			return
		case <-time.After(min(time.Duration(attempt), 5) * 20 * time.Millisecond):
		}
		n := c.l.node(c.number + attempt)
		if n == nil {
			continue
		}
		conn, err := rawsio.TryDial(c.l.t, n.URL)
		if err != nil {
			continue
		}
		if conn.TryOpen("/chat", fmt.Sprintf(`{"user":"user-%d"}`, c.number)) == nil {
			c.post(conn)
		}
		conn.Close()
	}
}

// post posts until the connection or the load ends, and waits for the answers.
func (c *client) post(conn *rawsio.Client) {
	slots := make(chan struct{}, c.l.window)
	var answers sync.WaitGroup
	defer answers.Wait()
	tick := time.NewTicker(c.l.pace)
	defer tick.Stop()
	for open := true; open; {
		select {
		case <-c.l.stop:
			return
		case <-tick.C:
		}
		select {
		case <-c.l.stop:
			return
		case slots <- struct{}{}:
		}
		i, payload := c.next()
		if i < 0 {
			c.l.t.Errorf("client %d has filled its rooms: the load was made for a shorter time", c.number)
			<-c.l.stop
			return
		}
		wait, err := conn.TryBegin("/chat", "message", payload)
		if err != nil {
			c.answered(i, "", err)
			return
		}
		answers.Go(func() {
			answer, err := wait()
			c.answered(i, answer, err)
			<-slots
		})
		open = !conn.Over()
	}
}

// next notes the next command as sent.
func (c *client) next() (i int, payload string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	i = len(c.commands)
	if i/roomHolds >= len(c.rooms) {
		return -1, ""
	}
	cmd := oracle.Command{
		ID: fmt.Sprintf("%s%d-%d", c.l.name, c.number, i), Client: fmt.Sprint(c.number), Key: c.rooms[i/roomHolds], Sent: time.Now(),
	}
	c.commands = append(c.commands, cmd)
	return i, fmt.Sprintf(`{"room":%q,"text":"x","client_id":%q}`, cmd.Key, cmd.ID)
}

func (c *client) answered(i int, answer string, err error) {
	what := codeOf(answer)
	switch {
	case errors.Is(err, rawsio.ErrSilent):
		what = oracle.Silent
	case err != nil:
		what = oracle.Closed
	case what == oracle.OK:
		c.l.oks.Add(1)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.commands[i].Ended, c.commands[i].Answer = time.Now(), what
}

// codeOf is the code of a problem, and "ok" for any other answer.
func codeOf(answer string) string {
	var problem struct{ Kind, Code string }
	switch {
	case json.Unmarshal([]byte(answer), &problem) != nil:
		return "no JSON"
	case problem.Kind == "error":
		return problem.Code
	}
	return oracle.OK
}

func (l *load) commands() []oracle.Command {
	var all []oracle.Command
	for _, c := range l.clients {
		c.mu.Lock()
		all = append(all, slices.Clone(c.commands)...)
		c.mu.Unlock()
	}
	return all
}
