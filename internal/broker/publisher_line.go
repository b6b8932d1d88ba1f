package broker

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/example/switchyard/internal/redisconn"
)

// A line is a Publisher's own way to Redis: one connection, on a Redis Cluster one to
// each node. It keeps the order of batches when connections break.
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

	mu   sync.Mutex            // for open: connections to several nodes may be made at once
	open map[string]connection // by node, the last one made

	doubt    []connection // which may still bring something; the publisher's goroutine alone
	unfenced throttle
}

// A connection as Redis names it.
type connection struct {
	node               string
	id, address, local string // none where Redis does not tell
}

// newLine makes a line with the options of a client, but for these: it repeats nothing,
// since a repeated XADD is a second entry, gives up when it is told to, and has one
// connection for everything. Of a client of another kind it uses the connections, and
// cannot close them.
func newLine(rdb redis.UniversalClient, log *slog.Logger) *line {
	l := &line{rdb: rdb, log: log, open: map[string]connection{}}
	// No connection becomes one to somewhere else. Besides, c writes to its own.
	stay := &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	switch c := rdb.(type) {
	case *redis.Client:
		o := *c.Options()
		o.MaxRetries, o.ContextTimeoutEnabled = -1, true
		o.PoolSize, o.MinIdleConns, o.PipelinePoolSize = 1, 0, -1
		o.MaintNotificationsConfig = stay
		o.WriteBufferSize = max(o.WriteBufferSize, lineBuffer)
		o.PushNotificationProcessor = nil // it has that of c, and wants one of its own
		o.OnConnect = l.connected(o.OnConnect)
		l.rdb, l.own = redis.NewClient(&o), true
	case *redis.ClusterClient:
		o := *c.Options()
		o.MaxRetries, o.ContextTimeoutEnabled = -1, true
		o.PoolSize, o.MinIdleConns, o.PipelinePoolSize = 1, 0, -1
		o.MaintNotificationsConfig = stay
		o.WriteBufferSize = max(o.WriteBufferSize, lineBuffer)
		o.OnConnect = l.connected(o.OnConnect)
		own := redis.NewClusterClient(&o)
		redisconn.Careful(own)
		l.rdb, l.own = own, true
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
		c := parseConnection(info.Val())
		c.node = cn.String()
		l.mu.Lock()
		defer l.mu.Unlock()
		l.open[c.node] = c
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

// exec sends a batch, and what follow adds behind it, in one pipeline, and says of each
// entry how it went: what surely was not written is ErrNotSent, since no connection could
// be had, or not all of its handshake, or the last one is in doubt. False means that
// nothing was tried.
func (l *line) exec(batch []publish, follow func(context.Context, redis.Pipeliner)) bool {
	barred := l.fence()
	_, cluster := l.rdb.(*redis.ClusterClient)
	if len(barred) > 0 && !cluster {
		for i := range batch {
			batch[i].err = errors.Join(ErrNotSent, barred[0].err)
		}
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), roundTripMax)
	defer cancel()
	left := make([]atomic.Bool, 1) // of the batch, on a Redis Cluster of each entry: they go to several nodes
	if cluster {
		left = make([]atomic.Bool, max(len(batch), 1))
	}
	pipe := l.rdb.Pipeline()
	for i := range batch {
		item := &batch[i]
		if len(barred) > 0 {
			if item.err = l.held(ctx, item, barred); item.err != nil {
				continue
			}
		}
		if i < len(left) {
			lay(item.cmd.Args(), &left[i])
		}
		_ = pipe.Process(ctx, item.cmd) // only queues
	}
	follow(ctx, pipe)
	_, _ = pipe.Exec(ctx) // each command has its own error
	unknown := false
	for i := range batch {
		item := &batch[i]
		switch err := item.cmd.Err(); {
		case item.err != nil || err == nil:
		case !left[min(i, len(left)-1)].Load(), redisRefuses(err):
			item.err = errors.Join(ErrNotSent, err)
		default:
			item.err, unknown = err, true
		}
	}
	if unknown {
		l.broke()
	}
	return true
}

// A tripwire is an argument that notes when it is written to a connection.
type tripwire struct {
	arg  string
	left *atomic.Bool
}

// MarshalBinary writes the argument.
func (t tripwire) MarshalBinary() ([]byte, error) {
	t.left.Store(true)
	return []byte(t.arg), nil
}

// lay puts a tripwire in place of a command's last text, which every one has that is
// published: go-redis wants to see what comes first, the command and its key.
func lay(args []any, left *atomic.Bool) {
	for i := len(args) - 1; i > 1; i-- {
		if arg, ok := args[i].(string); ok {
			args[i] = tripwire{arg, left}
			return
		}
	}
}

// broke notes that of a batch not all was answered.
func (l *line) broke() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.open) == 0 {
		l.warn(nil)
	}
	for _, c := range l.open {
		switch {
		case c.id == "":
			l.warn(nil)
		case !slices.Contains(l.doubt, c):
			l.doubt = append(l.doubt, c)
		}
	}
}

func (l *line) warn(err error) {
	l.unfenced.warn(l.log, "Redis does not let this node close its own connections, so commands that were under way together when one broke may be out of order: allow CLIENT INFO and CLIENT KILL", "error", err)
}

// A barredNode is one to which nothing may be sent.
type barredNode struct {
	node string
	err  error
}

// fence makes sure that nothing comes any more through the connections in doubt, and
// returns the nodes of which it is not sure.
func (l *line) fence() (all []barredNode) {
	if len(l.doubt) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), roundTripMax)
	defer cancel()
	l.doubt = slices.DeleteFunc(l.doubt, func(c connection) bool {
		err := l.kill(ctx, c)
		if forbidden(err) {
			l.warn(err)
		} else if err != nil {
			all = append(all, barredNode{c.node, err})
			return false
		}
		return true
	})
	return all
}

// held is why an entry may not be sent to its node of a Redis Cluster, if it may not.
func (l *line) held(ctx context.Context, item *publish, all []barredNode) error {
	cluster, ok := l.rdb.(*redis.ClusterClient)
	if !ok {
		return nil
	}
	stream, _ := item.cmd.Args()[1].(string)
	node, err := cluster.MasterForKey(ctx, stream)
	if err != nil {
		return errors.Join(ErrNotSent, err)
	}
	for _, b := range all {
		if b.node == node.String() {
			return errors.Join(ErrNotSent, b.err)
		}
	}
	return nil
}

// kill has a connection closed, unless it is the one that the question goes over: its
// answer says that all before has been served. On a Redis Cluster its node is asked; one
// that is no master any more takes no commands.
func (l *line) kill(ctx context.Context, c connection) error {
	ask := func(ctx context.Context, node redis.UniversalClient) error {
		return node.Do(ctx, "CLIENT", "KILL", "ID", c.id, "ADDR", c.address, "LADDR", c.local, "SKIPME", "yes").Err()
	}
	cluster, ok := l.rdb.(*redis.ClusterClient)
	if !ok {
		return ask(ctx, l.rdb)
	}
	return cluster.ForEachMaster(ctx, func(ctx context.Context, node *redis.Client) error {
		if node.String() != c.node {
			return nil
		}
		return ask(ctx, node)
	})
}

// forbidden tells whether Redis does not know a command, as the embedded one, or does not
// let us use it.
func forbidden(err error) bool {
	return redis.HasErrorPrefix(err, "NOPERM") || redisRefuses(err) && strings.HasPrefix(err.Error(), "ERR ")
}
