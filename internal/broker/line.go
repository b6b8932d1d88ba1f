package broker

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// A line is a Publisher's own way to Redis: one connection, but for a Redis Cluster. It keeps the order of batches when connections break.
//
// A batch that is given up, because its connection went half open or was reset, may
// still be on its way: in the network, or in a buffer of Redis' host. Sent behind it over
// another connection, the next batch could come first. So Redis is told first to close
// the old connection. It reads and serves connections in one thread: once it has
// answered, what came through the old one is in the streams, and nothing else ever comes
// through it. That costs nothing while all is well, where the alternative, a number in
// each batch that a script compares, would cost every batch a script.
//
// A connection is named by its id and both its addresses, as Redis sees them: ids begin
// anew when Redis is restarted, and another one is not to be closed.
type line struct {
	rdb redis.UniversalClient
	own bool // rdb is ours to close
	log *slog.Logger

	open connection // the last one made; mu guards it
	mu   sync.Mutex

	doubt    []connection // which may still bring something; the publisher's goroutine alone
	unfenced throttle
}

// A connection as Redis names it.
type connection struct {
	id, address, local string // none where Redis does not tell
}

// newLine makes a line with the options of a client, but for these: it repeats nothing,
// since a repeated XADD is a second entry, gives up when it is told to, and has one
// connection for everything. On a Redis Cluster it uses the client's own connections,
// which follow redirections, and does not close them.
func newLine(rdb redis.UniversalClient, log *slog.Logger) *line {
	l := &line{rdb: rdb, log: log}
	// No connection becomes one to somewhere else. Besides, c writes to its own.
	stay := &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	if c, ok := rdb.(*redis.Client); ok {
		o := *c.Options()
		o.MaxRetries, o.ContextTimeoutEnabled = -1, true
		o.PoolSize, o.MinIdleConns, o.PipelinePoolSize = 1, 0, -1
		o.MaintNotificationsConfig = stay
		o.WriteBufferSize = max(o.WriteBufferSize, lineBuffer)
		o.PushNotificationProcessor = nil // it has that of c, and wants one of its own
		o.OnConnect = l.connected(o.OnConnect)
		l.rdb, l.own = redis.NewClient(&o), true
	}
	return l
}

const lineBuffer = 128 << 10 // bytes, as go-redis takes for pipelines

func (l *line) close() error {
	if !l.own {
		return nil
	}
	return l.rdb.Close()
}

// connected notes each connection, before anything is published through it.
func (l *line) connected(before func(context.Context, *redis.Conn) error) func(context.Context, *redis.Conn) error {
	return func(ctx context.Context, cn *redis.Conn) error {
		if before != nil {
			if err := before(ctx, cn); err != nil {
				return err
			}
		}
		info := redis.NewStringCmd(ctx, "CLIENT", "INFO")
		if err := cn.Process(ctx, info); err != nil && !forbidden(err) {
			return err
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		l.open = parseConnection(info.Val())
		return nil
	}
}

func parseConnection(info string) (c connection) {
	for field := range strings.FieldsSeq(info) {
		name, value, _ := strings.Cut(field, "=")
		switch name {
		case "id":
			c.id = value
		case "addr":
			c.address = value
		case "laddr":
			c.local = value
		}
	}
	return c
}

// exec sends a batch, and what follow adds behind it, in one pipeline. Each command has
// its own outcome; when the error is not nil, nothing of the batch has left: no
// connection could be had, or not all of its handshake, or the last one is in doubt.
func (l *line) exec(batch []publish, follow func(context.Context, redis.Pipeliner)) error {
	if err := l.settle(); err != nil {
		return errors.Join(ErrNotSent, err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), roundTripMax)
	defer cancel()
	var left atomic.Bool
	pipe := l.rdb.Pipeline()
	for i, item := range batch {
		if i == 0 || !l.own { // of which each node gets some
			args := item.cmd.Args()
			args[argUUID] = tripwire{args[argUUID], &left}
		}
		_ = pipe.Process(ctx, item.cmd) // only queues
	}
	follow(ctx, pipe)
	if _, err := pipe.Exec(ctx); err != nil && !left.Load() {
		return errors.Join(ErrNotSent, err)
	}
	for _, item := range batch {
		if err := item.cmd.Err(); err != nil && !refused(err) {
			l.broke()
			break
		}
	}
	return nil
}

// A tripwire is an argument that notes when it is written to a connection.
type tripwire struct {
	arg  any // a string
	left *atomic.Bool
}

func (t tripwire) MarshalBinary() ([]byte, error) {
	t.left.Store(true)
	s, _ := t.arg.(string)
	return []byte(s), nil
}

// broke notes that of a batch not all was answered.
func (l *line) broke() {
	if !l.own {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open.id == "" {
		l.warn(nil)
		return
	}
	l.doubt = append(l.doubt, l.open)
}

func (l *line) warn(err error) {
	l.unfenced.warn(l.log, "Redis does not let this node close its own connections, so commands that were under way together when one broke may be out of order: allow CLIENT INFO and CLIENT KILL", "error", err)
}

// settle makes sure that nothing comes any more through the connections in doubt. After
// an error it is not sure, and nothing may be sent.
func (l *line) settle() error {
	if len(l.doubt) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), roundTripMax)
	defer cancel()
	for len(l.doubt) > 0 {
		if err := l.kill(ctx, l.doubt[0]); forbidden(err) {
			l.warn(err)
		} else if err != nil {
			return err
		}
		l.doubt = l.doubt[1:]
	}
	l.doubt = nil
	return nil
}

// kill has a connection closed, unless it is the one that the question goes over: its
// answer says that all before has been served.
func (l *line) kill(ctx context.Context, c connection) error {
	return l.rdb.Do(ctx, "CLIENT", "KILL", "ID", c.id, "ADDR", c.address, "LADDR", c.local, "SKIPME", "yes").Err()
}

// forbidden tells whether Redis does not know a command, as the embedded one, or does not
// let us use it.
func forbidden(err error) bool {
	return redis.HasErrorPrefix(err, "NOPERM") || refused(err) && strings.HasPrefix(err.Error(), "ERR ")
}
