package testenv

import (
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
)

// A Proxy stands between a client and a server and can play tricks with what passes.
type Proxy struct {
	listener net.Listener

	mu     sync.Mutex
	target string
	conns  []*proxied
}

// A proxied is one connection, both its ends.
type proxied struct {
	client, server net.Conn
	mu             sync.Mutex // held while bytes pass on, and for ever by BlackHole
}

// NewProxy starts a proxy to the server of a URL and returns it with the URL to use in
// its place.
func NewProxy(t testing.TB, to string) (*Proxy, string) {
	t.Helper()
	u, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{target: u.Host, listener: l}
	go p.accept()
	t.Cleanup(p.close)
	u.Host = l.Addr().String()
	return p, u.String()
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		target := p.target
		p.mu.Unlock()
		server, err := net.Dial("tcp", target)
		if err != nil {
			_ = client.Close()
			continue
		}
		c := &proxied{client: client, server: server}
		p.mu.Lock()
		p.conns = append(p.conns, c)
		p.mu.Unlock()
		go c.pass(client, server)
		go c.pass(server, client)
	}
}

// pass copies until one end closes.
func (c *proxied) pass(from, to net.Conn) {
	b := make([]byte, 32<<10)
	for {
		n, err := from.Read(b)
		c.mu.Lock()
		if n > 0 && err == nil {
			_, err = to.Write(b[:n])
		}
		c.mu.Unlock()
		if err != nil {
			_, _ = c.client.Close(), c.server.Close()
			return
		}
	}
}

// Turn has new connections go to the server of another URL.
func (p *Proxy) Turn(t testing.TB, to string) {
	t.Helper()
	u, err := url.Parse(to)
	if err != nil {
		t.Error(err) // not Fatal: any goroutine may turn it
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = u.Host
}

// BlackHole makes every connection half open: it stays, and nothing passes any more,
// not even its end. New connections are served.
func (p *Proxy) BlackHole() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		c.mu.Lock()
	}
}

// close ends everything; whatever was held back is lost.
func (p *Proxy) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range append([]io.Closer{p.listener}, closers(p.conns)...) {
		_ = c.Close()
	}
}

func closers(conns []*proxied) []io.Closer {
	var all []io.Closer
	for _, c := range conns {
		all = append(all, c.client, c.server)
	}
	return all
}
