package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
)

// A link is what the clients of one Dial share: a connection, and another one after it.
type link struct {
	url    url.URL // with the path, without a query
	opts   options
	web    http.Client    // for polling
	jar    http.CookieJar // a load balancer's cookie keeps a connection on its node
	ctx    context.Context
	cancel context.CancelFunc // when its last client has gone
	ended  chan struct{}      // nothing of it runs any more

	calls    atomic.Int64 // numbers those of all clients: they may follow each other in a namespace
	in       atomic.Bool  // the server has let a client in, ever
	attempts atomic.Int64 // to connect since it did

	mu      sync.Mutex
	conn    *conn // nil while there is none
	clients map[string]*Client
	parting map[string]*parting // by namespace
	over    error               // why there is none any more
}

func newLink(to string, o options) (*link, error) {
	u, err := url.Parse(to)
	if err != nil {
		return nil, fmt.Errorf("dial: %w", err)
	}
	if u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("dial %q: the URL must look like https://host:8080", to)
	}
	if o.events < 1 || o.bytes < 1 || o.timeout <= 0 {
		return nil, fmt.Errorf("dial %s: Buffer and Timeout must be greater than zero", to)
	}
	for _, name := range o.transports {
		if name != WebSocket && name != Polling {
			return nil, fmt.Errorf("dial %s: there is no transport %q, but %s and %s", to, name, WebSocket, Polling)
		}
	}
	if len(o.transports) == 0 {
		return nil, fmt.Errorf("dial %s: Transports names none", to)
	}
	u.Path = strings.TrimSuffix(u.Path, "/") + "/" + strings.TrimPrefix(o.path, "/")
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, fmt.Errorf("dial: %w", err)
	}
	l := &link{url: *u, opts: o, jar: jar, ended: make(chan struct{}), clients: map[string]*Client{}, parting: map[string]*parting{}}
	l.web = http.Client{
		Jar: jar, Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, TLSClientConfig: o.tls, MaxResponseHeaderBytes: 64 << 10,
		},
		// As with websockets: a post would come as a GET, and headers go to whoever is named.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	return l, nil
}

// run serves one connection after the other.
func (l *link) run(k *conn) {
	defer close(l.ended)
	defer l.web.CloseIdleConnections()
	for {
		err := l.serve(k)
		if k, err = l.again(err); err != nil {
			l.end(err)
			return
		}
	}
}

// serve connects all clients over a connection and reads until that ends.
func (l *link) serve(k *conn) error {
	l.mu.Lock()
	l.conn = k
	for _, c := range l.clients {
		c.tries(k)
		go l.join(k, c)
	}
	l.mu.Unlock()
	err := k.serve(l.hear)
	l.mu.Lock()
	l.conn = nil
	all := l.all()
	for name := range l.parting {
		l.parted(name)
	}
	l.mu.Unlock()
	for _, c := range all {
		c.lose(err)
		if c.settled(k) && !l.last() {
			l.attemptFailed(c, err)
		}
	}
	return err
}

func (l *link) all() []*Client {
	all := make([]*Client, 0, len(l.clients))
	for _, c := range l.clients {
		all = append(all, c)
	}
	return all
}

// end ends all clients.
func (l *link) end(reason error) {
	l.mu.Lock()
	l.over = cmp.Or(l.over, reason)
	all := l.all()
	l.mu.Unlock()
	l.cancel()
	for _, c := range all {
		c.end(reason)
	}
}

// hear hands a packet to the client of its namespace.
func (l *link) hear(k *conn, p *packet) error {
	l.mu.Lock()
	c := l.clients[p.namespace]
	if gone := l.parting[p.namespace]; gone != nil {
		c = gone.client
	}
	l.mu.Unlock()
	if c == nil { // closed meanwhile
		return nil
	}
	err := c.hear(k, p)
	if p.kind != packetConnect && p.kind != packetConnectError {
		return err
	}
	l.mu.Lock()
	gone := l.parting[p.namespace]
	l.mu.Unlock()
	if gone != nil {
		if p.kind == packetConnect {
			k.part(p.namespace, false)
		}
		l.mu.Lock()
		l.parted(p.namespace) // who asks now asks after that
		l.mu.Unlock()
	}
	return err
}

// forget ends a client, and the link with the last one. What it returns tells the server,
// and waits until that has left, or the link has ended: not for the goroutine that reads.
func (l *link) forget(c *Client, reason error) (part func()) {
	l.mu.Lock()
	mine := l.clients[c.namespace] == c
	if mine {
		delete(l.clients, c.namespace)
		if l.conn != nil && c.leaves(l.conn) {
			l.parting[c.namespace] = &parting{c, make(chan struct{})}
		}
	}
	last := mine && len(l.clients) == 0
	if last {
		l.over = cmp.Or(l.over, reason)
	}
	k := l.conn
	l.mu.Unlock()
	connected := c.end(reason)
	return func() {
		namespace := ""
		if connected && errors.Is(reason, ErrClosed) {
			namespace = c.namespace
		}
		if k != nil && (namespace != "" || last) {
			k.part(namespace, last)
		}
		if last {
			l.cancel()
			<-l.ended
		}
	}
}
