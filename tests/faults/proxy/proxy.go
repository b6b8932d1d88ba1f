// Package proxy is a TCP proxy that fails as networks do: it cuts, resets, delays,
// holds bytes back in one direction or both, and loses a single answer. It knows no
// protocol. Start at New.
package proxy

import (
	"net"
	"sync"
	"time"
)

// A Direction is a way that bytes go; Both are two.
type Direction int

// The directions.
const (
	ToServer Direction = 1 << iota
	ToClient
	Both = ToServer | ToClient
)

// A Proxy forwards connections to one address. It is healthy until told otherwise,
// and again after Heal. Safe for concurrent use.
type Proxy struct {
	target   string
	listener net.Listener
	running  sync.WaitGroup

	mu      sync.Mutex
	changed chan struct{} // closed and replaced at each change
	links   map[*link]bool
	closed  bool
	cut     bool
	held    Direction
	delay   time.Duration // of each direction
	word    []byte        // whose answer is lost
	toLose  int
	lost    int
}

// New starts a proxy on a port of its own on the loopback address.
func New(target string) (*Proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{target: target, listener: l, changed: make(chan struct{}), links: map[*link]bool{}}
	p.running.Go(p.accept)
	return p, nil
}

// Address is where the proxy listens.
func (p *Proxy) Address() string { return p.listener.Addr().String() }

// Close ends all connections and waits for them.
func (p *Proxy) Close() {
	p.change(func() { p.closed = true })
	p.listener.Close()
	p.Reset()
	p.running.Wait()
}

// Cut resets all connections, and each new one at once, until Heal.
func (p *Proxy) Cut() {
	p.change(func() { p.cut = true })
	p.Reset()
}

// Reset resets the connections that there are. New ones work.
func (p *Proxy) Reset() {
	p.mu.Lock()
	links := p.links
	p.links = map[*link]bool{}
	p.mu.Unlock()
	for l := range links {
		l.reset()
	}
}

// Hold keeps back what goes in a direction, the end of a connection included, until
// Heal: as in a network that drops every packet, connections stay half open, and what
// was sent arrives when it works again, even if its sender has given up.
func (p *Proxy) Hold(d Direction) { p.change(func() { p.held = d }) }

// HoldOpen is Hold for the connections that there are. New ones work.
func (p *Proxy) HoldOpen(d Direction) {
	p.change(func() {
		for l := range p.links {
			l.held = d
		}
	})
}

// Delay adds to the time of a round trip.
func (p *Proxy) Delay(roundTrip time.Duration) { p.change(func() { p.delay = roundTrip / 2 }) }

// LoseAnswers makes the next n pieces that contain the word reach the server, and
// resets their connections when it answers: the answer is lost. A piece is what one
// read finds, up to 32 KiB.
func (p *Proxy) LoseAnswers(word string, n int) {
	p.change(func() { p.word, p.toLose, p.lost = []byte(word), n, 0 })
}

// Lost tells how many answers were lost since LoseAnswers.
func (p *Proxy) Lost() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lost
}

// Heal ends every fault.
func (p *Proxy) Heal() {
	p.change(func() {
		p.cut, p.held, p.delay, p.toLose = false, 0, 0, 0
		for l := range p.links {
			l.held = 0
		}
	})
}

func (p *Proxy) change(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
	close(p.changed)
	p.changed = make(chan struct{})
}

func (p *Proxy) accept() {
	for {
		conn, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.running.Go(func() { p.serve(conn) })
	}
}

func (p *Proxy) serve(client net.Conn) {
	server, err := net.DialTimeout("tcp", p.target, 2*time.Second)
	if err != nil {
		abort(client)
		return
	}
	l := &link{p: p, client: client, server: server, done: make(chan struct{})}
	p.mu.Lock()
	refused := p.cut || p.closed
	if !refused {
		p.links[l] = true
	}
	p.mu.Unlock()
	if refused {
		l.reset()
		return
	}
	var both sync.WaitGroup
	both.Go(func() { l.pump(client, server, ToServer) })
	both.Go(func() { l.pump(server, client, ToClient) })
	both.Wait()
	l.end()
	p.mu.Lock()
	delete(p.links, l)
	p.mu.Unlock()
}
