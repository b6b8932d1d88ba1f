package redisconn

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/example/switchyard/internal/rawio"
)

// A server is what a URL names: one Redis, a Redis Cluster by some of its nodes, or the
// master that some Sentinels watch. Which of the first two it is, it tells itself: nobody
// has to configure what Redis knows, and a setting could be wrong.
type server struct {
	opts      *redis.Options
	addrs     []string // of a Cluster's nodes, any of which tells of the others
	cluster   bool
	sentinels *sentinels // nil: none
}

// parse reads a URL. What is more than go-redis' own for one Redis is the parameter addr,
// which may come several times and names more nodes of a Cluster, or more Sentinels: the
// first may be down when a process starts. And master_name, which makes them Sentinels, with
// username and password, as in go-redis' ParseFailoverURL.
func parse(text string) (*server, error) {
	wrong := errors.New("it must look like redis://host:6379/0, for more nodes of a Cluster redis://host:6379?addr=host2:6379, or for Sentinels redis://host:26379/0?master_name=mymaster&addr=host2:26379") // it may hold a password: not shown
	var addrs []string
	var watched *sentinels
	if u, err := url.Parse(text); err == nil && u.RawQuery != "" {
		q := u.Query()
		addrs = q["addr"]
		q.Del("addr")
		if q.Has("master_name") {
			watched = newSentinels(u, q)
		}
		u.RawQuery = q.Encode()
		text = u.String()
	}
	opts, err := redis.ParseURL(text)
	if err != nil || slices.ContainsFunc(addrs, func(a string) bool { return !addrRE.MatchString(a) }) {
		return nil, wrong
	}
	if watched != nil && (watched.master == "" || opts.Network != "tcp") {
		return nil, wrong
	}
	opts.MaxRetries = -1
	opts.DialerRetries = 1
	opts.DialTimeout = dialTimeout
	opts.ContextTimeoutEnabled = true
	opts.ConnMaxIdleTime = idleMax
	dial := redis.NewDialer(opts)
	opts.Dialer = func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return rawio.Wrap(c), nil
	}
	opts.Protocol = cmp.Or(opts.Protocol, 2) // in 3, go-redis looks for pushes, which nobody asks for, around every batch
	addrs = append([]string{opts.Addr}, addrs...)
	if watched != nil {
		watched.lead(opts, addrs)
		addrs = []string{opts.Addr}
	}
	return &server{opts: opts, addrs: addrs, sentinels: watched}, nil
}

var addrRE = regexp.MustCompile(`^[^\s/@]+:\d+$`)

// find reads a URL, waits for one of the nodes to answer and asks it whether it is a
// Cluster's.
func find(ctx context.Context, url string, log *slog.Logger) (*server, error) {
	s, err := parse(url)
	if err != nil {
		return nil, fmt.Errorf("REDIS_URL: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var told string
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		addr, err := s.askAny(ctx)
		if err == nil || addr != "" {
			return s, err
		}
		if reason := err.Error(); ctx.Err() == nil && reason != told {
			log.Warn("waiting for Redis", "error", err)
			told = reason
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil, fmt.Errorf("REDIS_URL: no Redis answers at %s: %s. Start it, or name another; without REDIS_URL a node has an embedded one, for trying out",
				strings.Join(s.addrs, ", "), cmp.Or(told, err.Error()))
		}
	}
}

// askAny asks one node after the other. It returns the address of the one that answered.
func (s *server) askAny(ctx context.Context) (answered string, err error) {
	for _, addr := range s.addrs {
		var ok bool
		if ok, err = s.ask(ctx, addr); ok {
			return addr, err
		}
	}
	return "", err
}

func (s *server) ask(ctx context.Context, addr string) (answered bool, err error) {
	opts := *s.opts
	opts.Addr, opts.DB = addr, 0 // the only one of a Cluster
	rdb := redis.NewClient(&opts)
	defer func() { _ = rdb.Close() }()
	if err := rdb.Ping(ctx).Err(); err != nil {
		return s.refuses(addr, err)
	}
	info := rdb.Info(ctx).Val() // the embedded one tells less
	s.cluster = strings.Contains(info, "cluster_enabled:1")
	switch {
	case strings.Contains(info, "redis_mode:sentinel"):
		return true, fmt.Errorf("REDIS_URL: Redis at %s is a Sentinel: add the name of the master that it watches, redis://%[1]s/0?master_name=mymaster", addr)
	case s.cluster && s.sentinels != nil:
		return true, errors.New("REDIS_URL: a Redis Cluster needs no Sentinels: name its nodes, without master_name")
	case s.cluster && s.opts.DB != 0:
		return true, fmt.Errorf("REDIS_URL: a Redis Cluster has only database 0: leave /%d out", s.opts.DB)
	case s.cluster && s.opts.Network == "unix":
		return true, errors.New("REDIS_URL: the nodes of a Redis Cluster are reached by TCP: name one as redis://host:port")
	case !s.cluster && len(s.addrs) > 1:
		return true, fmt.Errorf("REDIS_URL names %d addresses, but %s is no node of a Redis Cluster: name one Redis, or for Sentinels add master_name=…", len(s.addrs), addr)
	case s.cluster:
		if err := s.learn(ctx); err != nil {
			return s.refuses(addr, err)
		}
	}
	return true, nil
}

// refuses tells an answer that waiting does not change from one that it may.
func (s *server) refuses(addr string, err error) (final bool, _ error) {
	var answer redis.Error
	in := "redis://:password@host:port, or redis://user:password@host:port"
	if s.sentinels != nil {
		in = "…&password=… or …&username=…&password=… (what is before the @ is for the Sentinels)"
	}
	switch {
	case errors.As(err, new(refusal)):
		return true, fmt.Errorf("REDIS_URL: %w", err)
	case !errors.As(err, &answer):
		return false, err
	case redis.IsAuthError(err):
		return true, fmt.Errorf("REDIS_URL: Redis at %s does not let us in: %s. Put the right password into it, %s", addr, strings.TrimSuffix(answer.Error(), "."), in)
	case redis.IsPermissionError(err):
		return true, fmt.Errorf("REDIS_URL: Redis at %s does not let this user work: %w. Give it all commands and keys (ACL SETUSER), or name another user", addr, err)
	}
	return false, err
}

// client opens connections that are like the options.
func (s *server) client(o redis.Options) client {
	if s.cluster {
		return s.clusterClient(&o)
	}
	return redis.NewClient(&o)
}

func (s *server) clusterClient(o *redis.Options) *redis.ClusterClient {
	c := redis.NewClusterClient(&redis.ClusterOptions{
		Addrs: s.addrs, ClientName: o.ClientName, Protocol: o.Protocol, Username: o.Username, Password: o.Password, TLSConfig: o.TLSConfig,
		Dialer: o.Dialer, MaxRetries: -1, DialTimeout: o.DialTimeout, DialerRetries: o.DialerRetries,
		ReadTimeout: o.ReadTimeout, WriteTimeout: o.WriteTimeout, ContextTimeoutEnabled: true,
		PoolFIFO: o.PoolFIFO, PoolSize: o.PoolSize, PoolTimeout: o.PoolTimeout, MinIdleConns: o.MinIdleConns,
		MaxIdleConns: o.MaxIdleConns, MaxActiveConns: o.MaxActiveConns, ConnMaxIdleTime: o.ConnMaxIdleTime, ConnMaxLifetime: o.ConnMaxLifetime,
	})
	Careful(c)
	return c
}

// A client is what redis.Client and redis.ClusterClient have in common.
type client interface {
	redis.UniversalClient
	AutoPipeline() (*redis.AutoPipeliner, error)
}
