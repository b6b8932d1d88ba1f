// Package redisconn opens the service's connections to Redis, or starts an embedded
// one, and refuses a Redis that the lanes cannot rely on. Start at Open.
package redisconn

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// Clients are the connections of one process. None makes retries of its own: a
// repeated XADD is a second entry, and only the lanes know what may be repeated.
type Clients struct {
	Commands redis.UniversalClient
	Reads    redis.UniversalClient // for blocking reads, which hold a connection each
	Stores   redis.Cmdable         // calls made at the same time share a round trip; it ends by storeTimeout, whatever their contexts say
	Embedded bool

	stores redis.UniversalClient
}

const (
	patience     = 10 * time.Second // for a Redis that starts together with us
	dialTimeout  = 2 * time.Second
	storeTimeout = time.Second // of a write, and of a read

	// idleMax is less than any call may take: when connections go half open, the first call
	// that is given up must not be followed by others that wait as long, each on another
	// connection that was idle meanwhile.
	idleMax = 900 * time.Millisecond

	oldest = 7 // major version of Redis
)

// Open connects to the Redis of a URL and checks it; an empty URL starts an embedded
// one, which lives and dies with the process. The function closes everything.
func Open(ctx context.Context, url string, log *slog.Logger) (*Clients, func(), error) {
	quiet(log)
	stop := func() {}
	embedded := url == ""
	if embedded {
		var err error
		if url, stop, err = Embed(); err != nil {
			return nil, nil, err
		}
		log.Warn("REDIS_URL is empty: using an embedded Redis. It is for trying out: nothing is kept, and no other node shares it")
	}
	s, err := find(ctx, url, log)
	if err != nil {
		stop()
		return nil, nil, err
	}
	forStores := *s.opts
	forStores.ReadTimeout, forStores.WriteTimeout = storeTimeout, storeTimeout
	stores := s.client(forStores)
	c := &Clients{Commands: s.client(*s.opts), Reads: s.client(*s.opts), Embedded: embedded, stores: stores}
	closeAll := func() {
		for _, err := range []error{c.Commands.Close(), c.Reads.Close(), stores.Close()} {
			if err != nil {
				log.Error("cannot close a Redis client", "error", err)
			}
		}
		stop()
	}
	if c.Stores, err = stores.AutoPipeline(); err != nil {
		closeAll()
		return nil, nil, fmt.Errorf("open Redis: %w", err)
	}
	if err := c.check(ctx, log); err != nil {
		closeAll()
		return nil, nil, err
	}
	return c, closeAll, nil
}

// Connect makes one client for the Redis of a URL, which must answer.
func Connect(ctx context.Context, url string) (redis.UniversalClient, error) {
	nobody := slog.New(slog.DiscardHandler)
	quiet(nobody) // the error says it
	s, err := find(ctx, url, nobody)
	if err != nil {
		return nil, err
	}
	return s.client(*s.opts), nil
}

// Options are those of every connection to the Redis of a URL, of a Cluster to the node that
// it names first, with Sentinels to whatever is the master when it is dialled.
func Options(url string) (*redis.Options, error) {
	s, err := parse(url)
	if err != nil {
		return nil, err
	}
	return s.opts, nil
}

// Ping tells whether Redis answers. Of a Cluster one master is enough: what the others
// are about is the same for every node of ours, so none should be taken out of service.
func (c *Clients) Ping(ctx context.Context) error {
	cluster, ok := c.Commands.(*redis.ClusterClient)
	if !ok {
		return c.Commands.Ping(ctx).Err()
	}
	var answered atomic.Bool
	err := cluster.ForEachMaster(ctx, func(ctx context.Context, node *redis.Client) error {
		err := node.Ping(ctx).Err()
		if err == nil {
			answered.Store(true)
		}
		return err
	})
	if answered.Load() {
		return nil
	}
	return err
}

// Pools are the statistics of the connections, by what they are for.
func (c *Clients) Pools() map[string]*redis.PoolStats {
	return map[string]*redis.PoolStats{"commands": c.Commands.PoolStats(), "reads": c.Reads.PoolStats(), "stores": c.stores.PoolStats()}
}

// check looks whether Redis, and of a Cluster each master, keeps what it is told.
func (c *Clients) check(ctx context.Context, log *slog.Logger) error {
	if c.Embedded {
		return nil
	}
	switch rdb := c.Commands.(type) {
	case *redis.Client:
		return checkNode(ctx, rdb, log)
	case *redis.ClusterClient:
		awaitMasters(ctx, rdb, log)
		return rdb.ForEachMaster(ctx, func(ctx context.Context, node *redis.Client) error {
			return checkNode(ctx, node, log.With("redis", node.Options().Addr))
		})
	}
	return nil
}

// checkNode reports all that makes a Redis useless for us at once.
func checkNode(ctx context.Context, rdb *redis.Client, log *slog.Logger) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	info, err := rdb.Info(ctx).Result()
	if err != nil {
		return fmt.Errorf("REDIS_URL: ask Redis at %s what it is: %w", rdb.Options().Addr, err)
	}
	if err := suitable(rdb.Options().Addr, info); err != nil {
		return err
	}
	for _, s := range []struct{ name, want string }{{"maxmemory-policy", "noeviction"}, {"appendonly", "yes"}} {
		got, err := rdb.ConfigGet(ctx, s.name).Result()
		if err != nil {
			log.Debug("cannot see a setting of Redis", "setting", s.name, "error", err) // managed ones hide them
			continue
		}
		if got[s.name] != s.want {
			log.Warn("Redis may lose what was accepted: change its setting", "setting", s.name, "is", got[s.name], "should_be", s.want)
		}
	}
	return nil
}

var infoRE = regexp.MustCompile(`(?m)^(redis_version|role|master_host|master_port):(.*?)\r?$`)

// suitable looks at what Redis says of itself.
func suitable(addr, info string) error {
	says := map[string]string{}
	for _, m := range infoRE.FindAllStringSubmatch(info, -1) {
		says[m[1]] = m[2]
	}
	var errs []error
	wrong := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("REDIS_URL: Redis at %s %w", addr, fmt.Errorf(format, args...)))
	}
	version := says["redis_version"]
	major, _, _ := strings.Cut(version, ".")
	switch n, err := strconv.Atoi(major); {
	case err != nil:
		wrong("does not tell its version; %d.0 or newer is needed", oldest)
	case n < oldest:
		wrong("is version %s, and %d.0 or newer is needed: upgrade it, or name another", version, oldest)
	}
	if says["role"] == "slave" {
		wrong("is a read-only replica: name its master, %s:%s", says["master_host"], says["master_port"])
	}
	return errors.Join(errs...)
}

// quiet sends what go-redis itself logs to our log; it can be told only once a
// process.
func quiet(log *slog.Logger) {
	once.Do(func() { redis.SetLogger(logger{log}) })
}

var once sync.Once

type logger struct{ log *slog.Logger }

func (l logger) Printf(ctx context.Context, format string, v ...any) {
	l.log.DebugContext(ctx, fmt.Sprintf(format, v...))
}
