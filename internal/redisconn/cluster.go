package redisconn

import (
	"context"
	"errors"

	"github.com/redis/go-redis/v9"
)

// Careful makes a cluster client follow redirections and send nothing twice. No node may be
// known to it yet.
func Careful(c *redis.ClusterClient) {
	c.OnNewNode(func(node *redis.Client) { node.AddHook(knower{}) })
	c.AddHook(hook{c})
}

// A hook makes a cluster client as careful as the others. It follows redirections,
// because a node that redirects has done nothing. But it would also send again what was
// perhaps done: everything, after its connection broke. And it looks for another master
// only once it is redirected, which one that is gone does not.
type hook struct{ c *redis.ClusterClient }

var _ redis.Hook = hook{}

// oneTry is a command that is not sent again.
type oneTry struct{ redis.Cmder }

// NoRetry tells go-redis so.
func (oneTry) NoRetry() bool { return true }

// DialHook changes nothing.
func (h hook) DialHook(next redis.DialHook) redis.DialHook { return next }

// ProcessHook is for single commands.
func (h hook) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, oneTry{cmd})
		h.after(err)
		return err
	}
}

// ProcessPipelineHook is for pipelines, whose commands go to several nodes at once.
// Those of one slot keep their order, also when it moves midway: what the old node did
// comes first, and the rest follows to the new one in its order.
func (h hook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		once := make([]redis.Cmder, len(cmds))
		for i, cmd := range cmds {
			once[i] = oneTry{cmd}
		}
		err := next(ctx, once)
		if err == nil {
			return nil
		}
		var first error
		for _, cmd := range cmds {
			if redirected(cmd.Err()) {
				cmd.SetErr(errRedirected)
			}
			h.after(cmd.Err())
			if first == nil {
				first = cmd.Err()
			}
		}
		return first
	}
}

// errRedirected comes instead of a redirection that is left in a pipeline: go-redis
// leaves it there also when the connection broke to which the command was sent on.
var errRedirected = errors.New("the Redis Cluster has moved a slot; whether the command was done is not known")

func redirected(err error) bool {
	return redis.HasErrorPrefix(err, "MOVED ") || redis.HasErrorPrefix(err, "ASK ")
}

// after looks for new masters when one does not answer, or has lost its office.
func (h hook) after(err error) {
	var answer redis.Error
	switch {
	case err == nil, errors.Is(err, redis.Nil):
	case !errors.As(err, &answer), redis.IsClusterDownError(err), redis.IsReadOnlyError(err), redis.IsMasterDownError(err), redis.IsLoadingError(err):
		h.c.ReloadState(context.Background())
	}
}
