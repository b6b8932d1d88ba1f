package redisconn

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
)

// Sentinels know which Redis is the master. One is asked before each connection, so all
// that dials by the options follows a failover: the clients, the readers of the lanes, and
// who copies the options. And one is asked again and again, to close connections to what is no
// master any more: Sentinels make it a replica only when they reach it, and after a failover
// that somebody asked for 10 s later. What is written there meanwhile is lost.
//
// go-redis' own client for Sentinels leaves only its own connections, its Dialer works only
// while it is open, and when a Sentinel is gone without a word, as with the machine of the
// master, it takes 8 s where this takes 3.
type sentinels struct {
	master string         // its name
	addrs  []string       // of the Sentinels
	opts   *redis.Options // of connections to them
	user   *url.Userinfo  // theirs
	dial   func(ctx context.Context, network, addr string) (net.Conn, error)
	first  atomic.Int64 // whom to ask first: the one that knew last

	mu       sync.Mutex
	open     map[*followed]bool // all connections to masters
	watching bool
}

const (
	sentinelTimeout = dialTimeout / 4 // of one, so that several are asked in dialTimeout
	watchEvery      = time.Second     // how soon a failover is noticed
)

// newSentinels takes out of a URL what is about Sentinels, and leaves that of a Redis.
func newSentinels(u *url.URL, q url.Values) *sentinels {
	s := &sentinels{master: q.Get("master_name"), user: u.User, open: map[*followed]bool{}}
	u.User = nil
	if q.Has("username") || q.Has("password") {
		u.User = url.UserPassword(q.Get("username"), q.Get("password"))
	}
	for _, name := range []string{"master_name", "username", "password"} {
		q.Del(name)
	}
	return s
}

// lead makes the options of a Sentinel those of its master.
func (s *sentinels) lead(opts *redis.Options, addrs []string) {
	s.addrs, s.dial = addrs, opts.Dialer
	if opts.TLSConfig != nil {
		opts.TLSConfig.ServerName = "" // that of the first: each has its own
	}
	password, _ := s.user.Password()
	s.opts = &redis.Options{
		Username: s.user.Username(), Password: password, TLSConfig: opts.TLSConfig, Protocol: opts.Protocol,
		MaxRetries: -1, DialerRetries: 1, PoolSize: 1, PipelinePoolSize: -1, DisableIdentity: true,
		DialTimeout: sentinelTimeout, ReadTimeout: sentinelTimeout, WriteTimeout: sentinelTimeout, ContextTimeoutEnabled: true,
	}
	opts.Addr, opts.Dialer = s.master, s.connect // the address is only for texts
}

// A refusal is an answer of a Sentinel that waiting does not change.
type refusal struct{ error }

// connect connects to the master by the first Sentinel that knows one which can be reached.
func (s *sentinels) connect(ctx context.Context, network, _ string) (net.Conn, error) {
	var failed error
	for range s.addrs {
		at := s.first.Load()
		master, err := s.ask(ctx, s.addrs[int(at)%len(s.addrs)])
		if err == nil {
			var c net.Conn
			if c, err = s.dial(ctx, network, master); err == nil {
				return s.follow(c, master), nil
			}
		}
		s.first.CompareAndSwap(at, at+1)
		if failed == nil || errors.As(err, new(refusal)) {
			failed = err
		}
		if ctx.Err() != nil {
			break
		}
	}
	return nil, failed
}

// ask asks a Sentinel for the address of the master.
func (s *sentinels) ask(ctx context.Context, addr string) (master string, err error) {
	ctx, cancel := context.WithTimeout(ctx, sentinelTimeout)
	defer cancel()
	opts := *s.opts
	opts.Addr = addr
	c := redis.NewSentinelClient(&opts)
	defer func() { _ = c.Close() }()
	at, err := c.GetMasterAddrByName(ctx, s.master).Result()
	switch {
	case err == nil && len(at) == 2:
		return net.JoinHostPort(at[0], at[1]), nil
	case errors.Is(err, redis.Nil):
		return "", refusal{fmt.Errorf("the Sentinel at %s watches no master %q: write the name into master_name that is in its \"sentinel monitor\"", addr, s.master)}
	case redis.IsAuthError(err), redis.IsPermissionError(err):
		return "", refusal{fmt.Errorf("the Sentinel at %s does not let us in: %s. Write its password before the @, redis://:password@host:port, or redis://user:password@host:port, and that of Redis as …&password=…", addr, strings.TrimSuffix(err.Error(), "."))}
	case redis.HasErrorPrefix(err, "unknown command"):
		return "", refusal{fmt.Errorf("%s is no Sentinel: name the Sentinels, often at port 26379, or leave master_name out", addr)}
	}
	return "", fmt.Errorf("ask the Sentinel at %s: %w", addr, err)
}

// A followed connection is closed when what it leads to is no master any more.
type followed struct {
	net.Conn
	of *sentinels
	to string
}

// A followedSocket can be looked at, as go-redis does before each use.
type followedSocket struct {
	*followed
	syscall.Conn
}

// Close closes the connection.
func (f *followed) Close() error {
	f.of.mu.Lock()
	delete(f.of.open, f)
	f.of.mu.Unlock()
	return f.Conn.Close()
}

func (s *sentinels) follow(c net.Conn, master string) net.Conn {
	f := &followed{c, s, master}
	s.mu.Lock()
	s.open[f] = true
	if !s.watching {
		s.watching = true
		go s.watch()
	}
	s.mu.Unlock()
	if socket, ok := c.(syscall.Conn); ok { // not with TLS
		return followedSocket{f, socket}
	}
	return f
}

// watch asks who is the master while there are connections, and closes those to others.
func (s *sentinels) watch() {
	for range time.Tick(watchEvery) {
		at := s.first.Load()
		master, err := s.ask(context.Background(), s.addrs[int(at)%len(s.addrs)])
		if err != nil {
			s.first.CompareAndSwap(at, at+1)
		}
		var left []net.Conn
		s.mu.Lock()
		for f := range s.open {
			if err == nil && f.to != master {
				left = append(left, f.Conn)
			}
		}
		s.watching = len(s.open) > 0
		ends := !s.watching
		s.mu.Unlock()
		for _, c := range left {
			_ = c.Close() // whoever uses it notices
		}
		if ends {
			return
		}
	}
}
