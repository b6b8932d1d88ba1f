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
	"sync"
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
}

const (
	patience     = 10 * time.Second // for a Redis that starts together with us
	dialTimeout  = 2 * time.Second
	storeTimeout = time.Second            // of a write, and of a read
	idleMax      = 900 * time.Millisecond // less than any call may take
	oldest       = 7                      // major version
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
	opts, err := Options(url)
	if err != nil {
		stop()
		return nil, nil, err
	}
	reads, forStores := *opts, *opts
	forStores.ReadTimeout, forStores.WriteTimeout = storeTimeout, storeTimeout
	stores := redis.NewClient(&forStores)
	c := &Clients{Commands: redis.NewClient(opts), Reads: redis.NewClient(&reads), Embedded: embedded}
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

// Options are those of every connection. When the connections are half open, the first
// call is given up after its time, and no other one may wait as long on the next of
// them: those that were idle meanwhile are not used again.
func Options(url string) (*redis.Options, error) {
	opts, err := redis.ParseURL(url)
	if err != nil {
		return nil, errors.New("REDIS_URL is no URL of a Redis, like redis://host:6379/0") // it may hold a password: not shown
	}
	opts.MaxRetries = -1
	opts.DialerRetries = 1
	opts.DialTimeout = dialTimeout
	opts.ContextTimeoutEnabled = true
	opts.ConnMaxIdleTime = idleMax
	return opts, nil
}

// check waits for Redis to answer, and looks whether it keeps what it is told.
func (c *Clients) check(ctx context.Context, log *slog.Logger) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err := c.Commands.Ping(ctx).Err()
	for wait := 100 * time.Millisecond; err != nil && ctx.Err() == nil; wait = min(2*wait, time.Second) {
		log.Warn("waiting for Redis", "error", err)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
		err = c.Commands.Ping(ctx).Err()
	}
	if err != nil {
		return fmt.Errorf("Redis does not answer: %w; is REDIS_URL right, and is Redis running?", err)
	}
	if c.Embedded {
		return nil
	}
	if err := c.checkVersion(ctx); err != nil {
		return err
	}
	for setting, want := range map[string]string{"maxmemory-policy": "noeviction", "appendonly": "yes"} {
		got, err := c.Commands.ConfigGet(ctx, setting).Result()
		if err != nil {
			log.Debug("cannot see a setting of Redis", "setting", setting, "error", err) // managed ones hide them
			continue
		}
		if got[setting] != want {
			log.Warn("Redis may lose what was accepted", "setting", setting, "is", got[setting], "should_be", want)
		}
	}
	return nil
}

var versionRE = regexp.MustCompile(`(?m)^redis_version:((\d+)\.\S+)`)

func (c *Clients) checkVersion(ctx context.Context) error {
	info, err := c.Commands.Info(ctx, "server").Result()
	if err != nil {
		return fmt.Errorf("ask Redis for its version: %w", err)
	}
	m := versionRE.FindStringSubmatch(info)
	if m == nil {
		return errors.New("Redis does not tell its version")
	}
	if major, err := strconv.Atoi(m[2]); err != nil || major < oldest {
		return fmt.Errorf("this is Redis %s; at least %d.0 is needed", m[1], oldest)
	}
	return nil
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
