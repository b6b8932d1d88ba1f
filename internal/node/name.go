package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/redis/go-redis/v9"
)

// A name is a node's claim to its NODE_ID, a key in Redis that says who holds it. It is
// there to find a mistake in a configuration: nothing hangs on it, since the lanes know
// each process by its boot.
type name struct {
	rdb  redis.Cmdable
	log  *slog.Logger
	key  string
	mine holder

	stop context.CancelFunc
	done chan struct{}
}

// A holder is the value of the key.
type holder struct {
	Boot    string    `json:"boot"`
	Host    string    `json:"host"`
	Started time.Time `json:"started"`
}

const (
	nameFor     = 3 * time.Second // how long a claim outlives its last beat: a node that crashed is forgotten within nameWait
	nameBeat    = time.Second
	nameWait    = 5 * time.Second // how long a node that starts waits for the last one to be gone
	namePoll    = 100 * time.Millisecond
	nameTimeout = 2 * time.Second // of a round trip
)

func newName(rdb redis.Cmdable, log *slog.Logger, id, boot string) *name {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return &name{rdb: rdb, log: log, key: "name:" + id, mine: holder{boot, host, time.Now().UTC().Round(time.Second)}, done: make(chan struct{})}
}

// take claims the name and keeps it until release, or says who holds it.
func (n *name) take(ctx context.Context, patience time.Duration) error {
	for deadline := time.Now().Add(patience); ; wait(ctx, namePoll) {
		other, err := n.claim(ctx)
		switch {
		case outOfMemory(err): // it can start, and is named once there is room
			n.log.Warn("cannot say in Redis that this node's name is taken", "key", n.key, "error", err)
		case err != nil:
			return fmt.Errorf("claim the node's name: %w", err)
		case other != nil && time.Now().Before(deadline) && ctx.Err() == nil:
			continue
		case other != nil:
			return fmt.Errorf("NODE_ID: another node has this name: it is on host %s and started at %s (boot %s); give each node one of its own, or leave NODE_ID empty",
				other.Host, other.Started.Format(time.RFC3339), other.Boot)
		}
		run, stop := context.WithCancel(context.Background())
		n.stop = stop
		go n.keep(run)
		return nil
	}
}

func outOfMemory(err error) bool { return redis.HasErrorPrefix(err, "OOM") }

// claim takes or renews the name, or returns who holds it. The name may change hands
// between two of its commands: a claim of another node that it renews by mistake lasts
// a little longer.
func (n *name) claim(ctx context.Context) (other *holder, err error) {
	ctx, cancel := context.WithTimeout(ctx, nameTimeout)
	defer cancel()
	now, err := n.holder(ctx)
	switch {
	case err != nil:
		return nil, err
	case now == nil:
		value, err := json.Marshal(n.mine)
		if err != nil {
			return nil, err
		}
		taken, err := n.rdb.SetNX(ctx, n.key, value, nameFor).Result()
		if err != nil || taken {
			return nil, err
		}
		return n.holder(ctx)
	case now.Boot == n.mine.Boot:
		return nil, n.rdb.PExpire(ctx, n.key, nameFor).Err()
	}
	return now, nil
}

// holder returns who holds the name, nil for nobody.
func (n *name) holder(ctx context.Context) (*holder, error) {
	value, err := n.rdb.Get(ctx, n.key).Bytes()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var h holder
	if err := json.Unmarshal(value, &h); err != nil {
		return nil, fmt.Errorf("the key %q is not ours: %w", n.key, err)
	}
	return &h, nil
}

// keep renews the claim until ctx ends. While Redis is away it lapses, and nobody
// starts. A node that was frozen may find its name taken: it goes on, and says so.
func (n *name) keep(ctx context.Context) {
	defer close(n.done)
	beat := time.NewTicker(nameBeat)
	defer beat.Stop()
	var told bool
	for {
		select {
		case <-ctx.Done():
			return
		case <-beat.C:
		}
		other, err := n.claim(ctx)
		if err == nil && other != nil && !told {
			n.log.Error("another node has taken this node's name", "host", other.Host, "started", other.Started, "boot", other.Boot)
		}
		told = other != nil
	}
}

// release gives the name back.
func (n *name) release(ctx context.Context) {
	if n.stop == nil {
		return
	}
	n.stop()
	<-n.done
	n.stop = nil
	ctx, cancel := context.WithTimeout(ctx, nameTimeout)
	defer cancel()
	now, err := n.holder(ctx)
	if err == nil && now != nil && now.Boot == n.mine.Boot {
		err = n.rdb.Del(ctx, n.key).Err()
	}
	if err != nil {
		n.log.Warn("cannot give this node's name back; it lapses", "key", n.key, "error", err)
	}
}
