package redisconn

import (
	"context"
	"slices"
	"sync"

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
