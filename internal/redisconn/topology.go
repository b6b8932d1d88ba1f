package redisconn

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// learn notes where the other nodes of a Cluster are. Each client finds them by itself, but
// not before it is used, and then the one that the URL names may be gone.
func (s *server) learn(ctx context.Context) error {
	c := s.clusterClient(s.opts)
	defer func() { _ = c.Close() }()
	var mu sync.Mutex
	err := c.ForEachShard(ctx, func(_ context.Context, node *redis.Client) error {
		mu.Lock()
		defer mu.Unlock()
		if addr := node.Options().Addr; !slices.Contains(s.addrs, addr) {
			s.addrs = append(s.addrs, addr)
		}
		return nil
	})
	s.addrs = slices.Clip(s.addrs) // clients append to it, each for itself
	return err
}

// awaitMasters waits until all masters of a Cluster answer: one may have gone just now, and a
// replica have its place soon. What is wrong after that, who asks them finds out.
func awaitMasters(ctx context.Context, c *redis.ClusterClient, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	ping := func(ctx context.Context, node *redis.Client) error { return node.Ping(ctx).Err() }
	for told := false; ; told = true {
		err := c.ForEachMaster(ctx, ping)
		if err == nil {
			return
		}
		if !told {
			log.Warn("waiting for Redis", "error", err)
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return
		}
	}
}

// A knower is a node that is asked who has which slots. One that was taken out of its Cluster
// and runs on would say for a while that nobody has any: what is sent would go anywhere, one
// command here and the next there. So that is an error, after which another one is asked.
type knower struct{}

var _ redis.Hook = knower{}

var errNoSlots = errors.New("it knows of no slots: it is in no Redis Cluster, or in one that is not made yet")

// DialHook changes nothing.
func (knower) DialHook(next redis.DialHook) redis.DialHook { return next }

// ProcessHook looks at answers to CLUSTER SLOTS.
func (knower) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		if slots, ok := cmd.(*redis.ClusterSlotsCmd); ok && err == nil && len(slots.Val()) == 0 {
			err = errNoSlots
			cmd.SetErr(err)
		}
		return err
	}
}

// ProcessPipelineHook changes nothing.
func (knower) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}
